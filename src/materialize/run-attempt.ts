import { setTimeout as sleep } from 'node:timers/promises'
import { endAttempt, type RunRequest } from '../decide/attempt.ts'
import { must } from '../kernel/assert.ts'
import { type Call, checkCall } from '../kernel/call.ts'
import { runPlan, skippedPlan } from '../query/materialize.ts'
import { type Relation, own } from '../query/relation.ts'
import type { Batch } from '../values/batch.ts'
import { formatDuration } from '../values/duration.ts'
import { formatInstant } from '../values/instant.ts'
import { type BegunAttempt, begin, swapped } from './begin.ts'
import { catchUp } from './catch-up.ts'
import { changeState } from './change-state.ts'
import type { MaterializeDeps } from './deps.ts'
import type { HeldLease } from './lease.ts'
import type { RunAccount } from './run-account.ts'
import { encodeBatch, openBatchEncoder, writeSpace } from './space-writer.ts'
import { trySwitch } from './switch.ts'

/** Batches on their way to the online store at once: enough to overlap reading with writing, few enough for bounded memory. */
const batchesInFlight = 3
/** How often a finished run tries to switch before it leaves that to the workers. */
const switchTries = 50

/** What an attempt runs under. */
interface Held {
  readonly lease: HeldLease
  readonly call: Call
  /** Told of all that is done, as it is done. */
  readonly account: RunAccount
}

/**
 * Runs one attempt of a view under its lease: reads what is new, writes it online, records that it is covered, catches up
 * with the log and, into a new generation, waits until that may serve. What is covered stays covered, however it ends.
 * @throws UNKNOWN_NAME, LEASE_LOST, STORE_UNREACHABLE where the online store was swapped; as the stores and sources do.
 */
export async function runAttempt(deps: MaterializeDeps, view: string, request: RunRequest, held: Held): Promise<void> {
  const { lease, call, account } = held
  account.tell('reading')
  const begun = await begin(deps, view, request, { lease, call })
  const { asked, rebuild, generations } = begun.attempt
  // "To now" is told by when the run began, not by when it was queued.
  account.interval = [asked.start, asked.end]
  if (rebuild !== null) account.notes.push(`Built a fresh generation: ${rebuild}.`)
  await writeRows(deps, begun, held)
  deps.reached?.('wrote all')
  await finish(deps, view, begun, held)
  account.tell('catching-up')
  await catchUp(deps, begun.generation, { purgedBelow: generations.purgedBelow }, call)
  deps.reached?.('caught up')
  account.notes.push(...(await switchOver(deps, view, held)), ...(await overtakenBy(deps, view, begun)))
  const { expired, rows, tooLong } = account.counts
  if (expired * 2 > rows) {
    account.notes.push(
      `${expired} of ${rows} rows are older than the ttl of ${formatDuration(begun.generation.resolved.ttlUs)} already: reads answer OUTSIDE_MAX_AGE.`,
    )
  }
  if (tooLong > 0) account.notes.push(`${tooLong} rows have join keys longer than 1 KiB and were left out.`)
}

async function writeRows(deps: MaterializeDeps, begun: BegunAttempt, { call, account }: Held): Promise<void> {
  const { attempt, definitions, generation } = begun
  const { purgedBelow } = attempt.generations
  const { counts } = account
  if (attempt.newFiles.length > 0) {
    const skipped = skippedPlan(definitions, generation.resolved, attempt.newFiles)
    if (skipped !== null) counts.skipped = await countOf(deps, skipped, call)
  }
  const plan = runPlan(definitions, generation.resolved, { ...attempt, logBefore: begun.head, purgedBelow })
  if (plan === null) return
  const encode = await openBatchEncoder(deps.online, generation, call)
  const { ttlUs } = generation.resolved
  const oldest = ttlUs === 0n ? null : deps.clock.now() - ttlUs
  const inFlight = new Set<Promise<void>>()
  let progress = (): number | null => null
  const tell = (): void => account.tell(counts.rows === 0 ? 'reading' : 'writing', progress())
  const telling = setInterval(tell, deps.waits.pollMs)
  telling.unref()
  try {
    await using result = await deps.offline.query({ plan, watch: (told) => (progress = told) }, call)
    for await (const batch of result.batches()) {
      checkCall(call)
      counts.expired += expiredIn(batch, oldest)
      const { rows, tooLong } = encodeBatch(encode, batch, generation, attempt.attempt)
      counts.rows += batch.rows
      counts.tooLong += tooLong
      const write = (async (): Promise<void> => {
        const outcomes = await writeSpace(deps.online, generation, rows, call)
        for (const outcome of outcomes) counts[outcome === 'applied' ? 'written' : 'superseded']++
        tell()
        deps.reached?.('wrote a batch')
      })()
      inFlight.add(write)
      // A failed write is thrown below, by whoever waits for it.
      write.then(
        () => inFlight.delete(write),
        () => undefined,
      )
      if (inFlight.size >= batchesInFlight) await Promise.race(inFlight)
    }
    await Promise.all(inFlight)
  } finally {
    clearInterval(telling)
  }
}

/** Stamps the store done and records the coverage: together they say that every row of the attempt is online. */
async function finish(deps: MaterializeDeps, view: string, begun: BegunAttempt, held: Held): Promise<void> {
  const { attempt, generation, head, incarnation } = begun
  const stamp = (state: 'open' | 'done'): { attempt: bigint; state: 'open' | 'done' } => ({
    attempt: attempt.attempt,
    state,
  })
  const done = await deps.marks.swapStamp(
    { view, generation: generation.generation },
    { from: stamp('open'), to: stamp('done'), incarnation },
    held.call,
  )
  if (!done) throw swapped(view)
  deps.reached?.('stamped done')
  await changeState(
    deps,
    view,
    (state) => {
      const progress = endAttempt(state.progress, { ...attempt, head })
      return progress === null ? null : { ...state, progress }
    },
    held,
  )
  held.account.covered = true
  deps.reached?.('covered')
}

/** After a run into a building generation: waits until it may serve, and switches; says what is missing where it may not. */
async function switchOver(deps: MaterializeDeps, view: string, held: Held): Promise<string[]> {
  for (let i = 0; i < switchTries; i++) {
    const outcome = await trySwitch(deps, view, held.lease, held.call)
    if (outcome.kind === 'nothing to switch' || outcome.kind === 'switched') return []
    if (outcome.kind === 'missing') {
      const text = outcome.intervals
        .map((i) => `[${i.start === null ? 'the beginning' : formatInstant(i.start)}, ${formatInstant(i.end)})`)
        .join(', ')
      return [
        `The new generation does not serve yet: it lacks ${text}. Run  provender materialize ${view}  to fill it.`,
      ]
    }
    held.account.tell('switching')
    const waitMs = outcome.kind === 'too young' ? outcome.waitMs : deps.waits.pollMs
    const until = AbortSignal.any([deps.closing, ...(held.call.signal === undefined ? [] : [held.call.signal])])
    await sleep(waitMs, undefined, { signal: until }).catch(() => checkCall(held.call))
    if (deps.closing.aborted)
      return [
        'The new generation does not serve yet: the store was closed while it waited. It switches by itself while a server runs.',
      ]
  }
  return [
    'The new generation does not serve yet: the online store keeps changing under it. It switches by itself while a server runs.',
  ]
}

/** After a run whose view was changed meanwhile: says that what is defined now still has to be read. */
async function overtakenBy(deps: MaterializeDeps, view: string, begun: BegunAttempt): Promise<string[]> {
  const { generation, revision } = begun.attempt.target
  const { value } = await deps.runLog.readState(view)
  const present = [value?.generations.serving, value?.generations.building]
  if (present.some((each) => each?.generation === generation && each.revision === revision)) return []
  return [`The view was changed while it was read by its old definition. Run  provender materialize ${view}  again.`]
}

/** How many rows of a batch have an event time before `oldest`. */
function expiredIn(batch: Batch, oldest: bigint | null): number {
  if (oldest === null) return 0
  const event = must(
    batch.columns[batch.fields.findIndex((f) => f.name === own.event)],
    "the run's rows have an event time",
  )
  let expired = 0
  for (let i = 0; i < batch.rows; i++) if ((event[i] as bigint) < oldest) expired++
  return expired
}

async function countOf(deps: MaterializeDeps, plan: Relation, call: Call): Promise<number> {
  await using result = await deps.offline.query({ plan }, call)
  for await (const batch of result.batches()) return Number(batch.columns[0]?.[0] ?? 0n)
  return 0
}
