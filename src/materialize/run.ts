import { setTimeout as sleep } from 'node:timers/promises'
import { endAttempt, type RunRequest } from '../decide/attempt.ts'
import { must } from '../kernel/assert.ts'
import { type Call, checkCall } from '../kernel/call.ts'
import { asProvenderError, fail } from '../kernel/errors.ts'
import type { RunRecord } from '../ports/run-log.ts'
import { runPlan, skippedPlan } from '../query/materialize.ts'
import { type Relation, own } from '../query/relation.ts'
import type { Batch } from '../values/batch.ts'
import { formatDuration } from '../values/duration.ts'
import { formatInstant } from '../values/instant.ts'
import { endAbandoned } from './abandoned.ts'
import { type BegunAttempt, begin, swapped } from './begin.ts'
import { catchUp } from './catch-up.ts'
import { changeState } from './change-state.ts'
import type { MaterializeDeps } from './deps.ts'
import { type HeldLease, takeLease } from './lease.ts'
import { encodeBatch, openEncoder, writeSpace } from './space-writer.ts'
import { trySwitch } from './switch.ts'

/** How a run proceeds: the phase and the rows written so far. */
export type Progressing = (
  phase: 'waiting' | 'reading' | 'writing' | 'catching-up' | 'switching' | 'done',
  written: number,
) => void

/** Batches on their way to the online store at once: enough to overlap reading with writing, few enough for bounded memory. */
const batchesInFlight = 3

/**
 * Runs one queued run to its end and answers its record: succeeded, failed (with its error) or cancelled. Never throws
 * for what happens to the run; what it has covered stays covered, so that running it again resumes.
 */
export async function executeRun(
  deps: MaterializeDeps,
  queued: RunRecord,
  request: RunRequest,
  options: { readonly onProgress?: Progressing; readonly call?: Call },
): Promise<RunRecord> {
  const cancel = new AbortController()
  const signals = [cancel.signal, ...(options.call?.signal === undefined ? [] : [options.call.signal])]
  const report = options.onProgress ?? ((): void => undefined)
  let run = queued
  const watch = setInterval(() => void look(), deps.waits.pollMs)
  const look = async (): Promise<void> => {
    const [now] = await deps.runLog.runs({ id: run.id, limit: 1 }).catch(() => [])
    if (now?.cancel === true) cancel.abort(fail('RUN_CANCELLED', `The run ${run.id} was cancelled`))
  }
  const end = async (state: 'succeeded' | 'failed' | 'cancelled', facts: Partial<RunRecord>): Promise<RunRecord> =>
    deps.runLog.putRun({ ...run, ...facts, state, endedAt: deps.clock.now() }, ['queued', 'running'])
  const endBadly = async (thrown: unknown): Promise<RunRecord> => {
    const error = asProvenderError(cancel.signal.aborted ? cancel.signal.reason : thrown)
    const stopped = error.code === 'RUN_CANCELLED' || error.code === 'INTERRUPTED'
    return end(stopped ? 'cancelled' : 'failed', { error: { code: error.code, detail: error.message } })
  }
  try {
    const waiting = async (): Promise<void> => report('waiting', 0)
    await using lease = await takeLease(deps, run.view, waiting, {
      ...options.call,
      signal: AbortSignal.any([...signals, deps.closing]),
    })
    deps.reached?.('leased')
    // The end is recorded under the lease: who holds it next takes a run that still says running for one that lost it.
    try {
      await endAbandoned(deps, run)
      run = await deps.runLog.putRun({ ...run, state: 'running', startedAt: deps.clock.now() }, ['queued'])
      if (run.state !== 'running') return run
      const call: Call = { ...options.call, signal: AbortSignal.any([...signals, lease.lost]) }
      const result = await runUnderLease(deps, run, request, { lease, call, report })
      report('done', result.written)
      return await end('succeeded', result)
    } catch (thrown) {
      return await endBadly(thrown)
    }
  } catch (thrown) {
    return await endBadly(thrown)
  } finally {
    clearInterval(watch)
  }
}

/** How often a finished run tries to switch before it leaves that to the workers. */
const switchTries = 50

type Result = Pick<RunRecord, 'interval' | 'rows' | 'written' | 'superseded' | 'skipped' | 'notes'>

async function runUnderLease(
  deps: MaterializeDeps,
  run: RunRecord,
  request: RunRequest,
  held: { lease: HeldLease; call: Call; report: Progressing },
): Promise<Result> {
  const { lease, call, report } = held
  report('reading', 0)
  const begun = await begin(deps, run.view, request, { lease, call })
  const notes = begun.attempt.rebuild === null ? [] : [`Built a fresh generation: ${begun.attempt.rebuild}.`]
  const { purgedBelow } = begun.attempt.generations
  const counts = await writeRows(deps, begun, purgedBelow, { call, report })
  deps.reached?.('wrote all')
  await finish(deps, run.view, begun, { lease, call })
  report('catching-up', counts.written)
  await catchUp(deps, begun.generation, { purgedBelow }, call)
  deps.reached?.('caught up')
  notes.push(...(await switchOver(deps, run.view, lease, { call, report: () => report('switching', counts.written) })))
  notes.push(...(await overtakenBy(deps, run.view, begun)))
  if (counts.expired * 2 > counts.rows) {
    notes.push(
      `${counts.expired} of ${counts.rows} rows are older than the ttl of ${formatDuration(begun.generation.resolved.ttlUs)} already: reads answer OUTSIDE_MAX_AGE.`,
    )
  }
  if (counts.tooLong > 0) notes.push(`${counts.tooLong} rows have join keys longer than 1 KiB and were left out.`)
  const { start, end } = begun.attempt.asked
  return {
    // "To now" is told by when the run began, not by when it was queued.
    interval: [start, end],
    rows: counts.rows,
    written: counts.written,
    superseded: counts.superseded,
    skipped: counts.skipped + counts.tooLong,
    notes,
  }
}

interface Counts {
  rows: number
  written: number
  superseded: number
  skipped: number
  tooLong: number
  /** Rows that are online, and already older than the ttl. */
  expired: number
}

async function writeRows(
  deps: MaterializeDeps,
  begun: BegunAttempt,
  purgedBelow: bigint,
  held: { call: Call; report: Progressing },
): Promise<Counts> {
  const { attempt, definitions, generation } = begun
  const counts: Counts = { rows: 0, written: 0, superseded: 0, skipped: 0, tooLong: 0, expired: 0 }
  if (attempt.newFiles.length > 0) {
    const skipped = skippedPlan(definitions, generation.resolved, attempt.newFiles)
    if (skipped !== null) counts.skipped = await countOf(deps, skipped, held.call)
  }
  const plan = runPlan(definitions, generation.resolved, { ...attempt, logBefore: begun.head, purgedBelow, ties: true })
  if (plan === null) return counts
  const encode = await openEncoder(deps.online, generation, held.call)
  await using result = await deps.offline.query({ plan }, held.call)
  const { ttlUs } = generation.resolved
  const oldest = ttlUs === 0n ? null : deps.clock.now() - ttlUs
  const inFlight = new Set<Promise<void>>()
  for await (const batch of result.batches()) {
    checkCall(held.call)
    counts.expired += expiredIn(batch, oldest)
    const { rows, tooLong } = encodeBatch(encode, batch, generation, attempt.attempt)
    counts.rows += batch.rows
    counts.tooLong += tooLong
    const write = (async (): Promise<void> => {
      const outcomes = await writeSpace(deps.online, generation, rows, held.call)
      for (const outcome of outcomes) counts[outcome === 'applied' ? 'written' : 'superseded']++
      held.report('writing', counts.written)
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
  return counts
}

/** Stamps the store done and records the coverage: together they say that every row of the attempt is online. */
async function finish(
  deps: MaterializeDeps,
  view: string,
  begun: BegunAttempt,
  held: { lease: HeldLease; call: Call },
): Promise<void> {
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
  deps.reached?.('covered')
}

/** After a run into a building generation: waits until it may serve, and switches; says what is missing where it may not. */
async function switchOver(
  deps: MaterializeDeps,
  view: string,
  lease: HeldLease,
  held: { call: Call; report: () => void },
): Promise<string[]> {
  for (let i = 0; i < switchTries; i++) {
    const outcome = await trySwitch(deps, view, lease, held.call)
    if (outcome.kind === 'nothing to switch' || outcome.kind === 'switched') return []
    if (outcome.kind === 'missing') {
      const text = outcome.intervals
        .map((i) => `[${i.start === null ? 'the beginning' : formatInstant(i.start)}, ${formatInstant(i.end)})`)
        .join(', ')
      return [
        `The new generation does not serve yet: it lacks ${text}. Run  provender materialize ${view}  to fill it.`,
      ]
    }
    held.report()
    await sleep(outcome.kind === 'too young' ? outcome.waitMs : deps.waits.pollMs, undefined, {
      signal: held.call.signal,
    }).catch(() => checkCall(held.call))
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
