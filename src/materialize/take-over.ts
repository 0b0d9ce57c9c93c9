import type { Call } from '../kernel/call.ts'
import type { RunRecord } from '../ports/run-log.ts'
import type { MaterializeDeps } from './deps.ts'
import { newRun } from './new-run.ts'
import { isGone } from './presence.ts'

/** Runs looked at in one go, the newest: the next go sees the rest. */
const lookedAt = 100
/**
 * How often a run is gone on with: a restart of several servers, one after the other, ends it a few times, and one that ends every
 * process that runs it has to come to an end itself.
 */
const mostTakeOvers = 3

/**
 * Ends queued and running runs that nobody will end any more, since their process was killed, their store was closed or has been silent
 * for as long as a lease lasts; and goes on with each of them in a run of this store, if it serves. Safe in any number of processes at
 * once: one of them goes on. `holder` is a run that holds its view's lease: then only that view's runs are looked at, and others of it
 * that still say running have lost the lease, wherever they run.
 */
export async function takeOver(deps: MaterializeDeps, holder: RunRecord | null, call?: Call): Promise<void> {
  const of = holder === null ? {} : { view: holder.view }
  const gone = new Map<string, boolean>()
  for (const state of ['running', 'queued'] as const) {
    // The oldest first, as they were queued.
    const found = (await deps.runLog.runs({ ...of, state, limit: lookedAt }, call)).toReversed()
    for (const other of found) {
      if (other.id === holder?.id) continue
      if (await isLeft(deps, other, gone, call)) await replace(deps, other, killed, call)
      else if (holder !== null && state === 'running') await replace(deps, other, lost, call)
    }
  }
}

interface End {
  readonly code: 'INTERRUPTED' | 'LEASE_LOST'
  readonly detail: string
}

const killed: End = { code: 'INTERRUPTED', detail: 'Its process has ended' }
const lost: End = { code: 'LEASE_LOST', detail: 'Another process took over the lease of its view' }

/** Whether nobody ends a run any more. `gone`: stores that were looked at already. */
async function isLeft(
  deps: MaterializeDeps,
  { owner, presence }: RunRecord,
  gone: Map<string, boolean>,
  call?: Call,
): Promise<boolean> {
  if (deps.isDead(owner)) return true
  if (presence === null || presence === deps.presence.name) return false
  const known = gone.get(presence) ?? (await isGone(deps, presence, call))
  gone.set(presence, known)
  return known
}

/** Ends a run as failed, and puts one of this store in its place if that goes on with runs. */
async function replace(deps: MaterializeDeps, other: RunRecord, error: End, call?: Call): Promise<void> {
  const { runLog, resume } = deps
  const before = other.takeOvers ?? 0
  if (resume === null || other.cancel || before >= mostTakeOvers) return end(deps, other, error, call)
  // Whoever dies on the way leaves the run as it is, for the next one to come by.
  const lease = `take-over:${other.id}`
  const taken = await runLog.acquire(
    lease,
    deps.owner,
    { forMs: deps.waits.leaseMs, dead: (owner) => deps.isDead(owner) },
    call,
  )
  if (!('token' in taken)) return
  try {
    const [now] = await runLog.runs({ id: other.id, limit: 1 }, call)
    if (now?.state !== other.state) return
    const queued = await queueAgain(deps, now, call)
    await end(deps, now, { ...error, detail: `${error.detail}; ${queued.id} goes on with it` }, call)
  } finally {
    await runLog.renew(lease, taken.token, 0)
  }
}

async function end(deps: MaterializeDeps, run: RunRecord, error: End, call?: Call): Promise<void> {
  await deps.runLog.putRun({ ...run, state: 'failed', endedAt: deps.clock.now(), error }, [run.state], call)
}

async function queueAgain(deps: MaterializeDeps, other: RunRecord, call?: Call): Promise<RunRecord> {
  const held = await deps.presence.hold(call)
  let release = true
  try {
    const { kind, view, interval, repair, takeOvers } = other
    const wanted = { kind, view, interval, repair, takeOvers: (takeOvers ?? 0) + 1, queuedAt: deps.clock.now() }
    // Somebody may have asked for its end just now.
    const run = { ...newRun(deps, wanted), cancel: other.cancel }
    const queued = await deps.runLog.putRun(run, undefined, call)
    release = false
    void deps.resume?.(queued).finally(() => void held[Symbol.asyncDispose]())
    return queued
  } finally {
    if (release) await held[Symbol.asyncDispose]()
  }
}
