import { setTimeout as sleep } from 'node:timers/promises'
import { type Call, checkCall } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import type { RunRecord } from '../ports/run-log.ts'
import type { MaterializeDeps } from './deps.ts'

/** A lease that renews itself until it is disposed. `lost` is aborted when another process has taken it. */
export interface HeldLease extends AsyncDisposable {
  readonly name: string
  readonly token: string
  readonly lost: AbortSignal
}

/** The lease of a view: whoever holds it may run the view or turn its generations. */
const leaseName = (view: string): string => `view:${view}`

/** Of the time that a lease lasts: how often a run says that it still waits, and after how much more it is not waited for any more. */
const waitingShare = 6
const forgottenShare = 2

/**
 * Takes the lease of a run's view, waiting while a living process holds it, and behind runs that were queued before and wait
 * for it too: else whoever comes as it is let go has it, and one that looks now and then might never. `waiting` is called at each look.
 */
export async function takeTurn(
  deps: MaterializeDeps,
  run: RunRecord,
  waiting: () => void,
  call?: Call,
): Promise<HeldLease> {
  let saidAtMs = Number.NEGATIVE_INFINITY
  for (;;) {
    checkCall(call)
    const held = (await isBehind(deps, run, call)) ? null : await tryLease(deps, run.view, call)
    if (held !== null) return held
    waiting()
    if (performance.now() - saidAtMs >= deps.waits.leaseMs / waitingShare) {
      saidAtMs = performance.now()
      await deps.runLog.putRun({ ...run, waitingAtMs: Date.now() }, ['queued'], call)
    }
    await sleep(deps.waits.pollMs, undefined, call?.signal === undefined ? {} : { signal: call.signal }).catch(() =>
      checkCall(call),
    )
  }
}

/** How many queued runs of a view are looked at, the newest; a longer queue is not kept in order. */
const lookedAt = 100

async function isBehind({ runLog, isDead, waits }: MaterializeDeps, run: RunRecord, call?: Call): Promise<boolean> {
  const queued = await runLog.runs({ view: run.view, state: 'queued', limit: lookedAt }, call)
  const mine = queued.findIndex(({ id }) => id === run.id)
  const stillWaits = ({ waitingAtMs, owner }: RunRecord): boolean =>
    waitingAtMs !== null && Math.abs(Date.now() - waitingAtMs) < waits.leaseMs / forgottenShare && !isDead(owner)
  return mine !== -1 && queued.slice(mine + 1).some(stillWaits)
}

/** Takes a view's lease if it is free, or its owner is known dead; null if a living process holds it. */
export async function tryLease(deps: MaterializeDeps, view: string, call?: Call): Promise<HeldLease | null> {
  const name = leaseName(view)
  const taken = await deps.runLog.acquire(name, deps.owner, { forMs: deps.waits.leaseMs, dead: deps.isDead }, call)
  if (!('token' in taken)) return null
  const lost = new AbortController()
  const renewal = setInterval(() => void renew(), deps.waits.leaseMs / 3)
  renewal.unref()
  const renew = async (): Promise<void> => {
    // A renewal that cannot reach the store is tried again; the transaction that ends the attempt asks for the lease in any case.
    const ours = await deps.runLog.renew(name, taken.token, deps.waits.leaseMs).catch(() => true)
    if (!ours) lost.abort(fail('LEASE_LOST', `Another process took over the lease of ${view}`))
  }
  return {
    name,
    token: taken.token,
    lost: lost.signal,
    async [Symbol.asyncDispose]() {
      clearInterval(renewal)
      await deps.runLog.renew(name, taken.token, 0).catch(() => false)
    },
  }
}
