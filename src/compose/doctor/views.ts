import { coveredBy } from '../../decide/attempt.ts'
import { concerns } from '../../decide/log-rows.ts'
import type { Snapshot, StoredGeneration, ViewSnapshot } from '../../decide/snapshot.ts'
import type { Call } from '../../kernel/call.ts'
import { spaceOf } from '../../materialize/space-writer.ts'
import type { Marks } from '../../ports/marks.ts'
import type { RunRecord } from '../../ports/run-log.ts'
import { formatDuration } from '../../values/duration.ts'
import type { Parts } from '../parts.ts'
import { type Finding, broken, counted, few, roughly, well, worth } from './finding.ts'

/** A generation in the online store, and what that says of it. */
export interface Stored {
  readonly generation: StoredGeneration
  readonly marks: Marks
}

/** All views that are served online, and what the online store says of them. */
export async function storedOf(parts: Parts, snapshot: Snapshot, call: Call): Promise<Stored[]> {
  const generations = servedOf(snapshot).flatMap(({ serving, building }) =>
    [serving, building].filter((each) => each !== null),
  )
  const spaces = generations.map((generation) => spaceOf(generation.resolved.name, generation))
  const marks = await parts.marks.readMarks(spaces, call)
  return generations.flatMap((generation, i) => {
    const its = marks[i]
    return its === undefined ? [] : [{ generation, marks: its }]
  })
}

const servedOf = ({ views, definitions }: Snapshot): ViewSnapshot[] =>
  [...views.values()].filter(({ name }) => definitions.views.get(name)?.online === true)

/** Whether every view that is served has been materialized, and none waits for its next generation. Views that are only pushed to need no run. */
export async function materializedFinding(parts: Parts, snapshot: Snapshot, call: Call): Promise<Finding> {
  const [never, building]: [string[], string[]] = [[], []]
  const views = servedOf(snapshot)
  for (const { name, head, serving, building: next } of views) {
    const { value } = await parts.runLog.readState(name, call)
    const covered = value === null || serving === null ? [] : coveredBy(value.progress, serving.generation)
    if (next !== null) building.push(name)
    else if (covered.length === 0 && head?.source.type !== 'push') never.push(name)
  }
  if (never.length > 0)
    return worth(`never materialized: ${few(never)}`, `provender materialize ${never.slice(0, 5).join(' ')}`)
  if (building.length > 0)
    return worth(
      `still served by the generation of before: ${few(building)}`,
      `provender materialize ${building.slice(0, 5).join(' ')}`,
    )
  return well(views.length === 0 ? 'no view is online' : `${counted(views.length, 'view')} online`)
}

/** Whether the newest event time of every view is as young as its `freshness` promises. */
export function freshnessFinding(stored: readonly Stored[], snapshot: Snapshot, now: bigint): Finding {
  const promised = servedOf(snapshot).flatMap(({ name, serving }) => {
    const freshnessUs = snapshot.definitions.views.get(name)?.freshnessUs
    if (freshnessUs === undefined || serving === null) return []
    const newest =
      stored.find((each) => each.generation.generation === serving.generation && each.generation.resolved.name === name)
        ?.marks.held?.newestEvent ?? null
    return [{ name, freshnessUs, ageUs: newest === null ? null : now - newest }]
  })
  const stale = promised.filter(({ ageUs, freshnessUs }) => ageUs === null || ageUs > freshnessUs)
  if (stale.length > 0)
    return worth(
      few(
        stale.map(
          ({ name, ageUs, freshnessUs }) =>
            `${name}: ${ageUs === null ? 'no data' : `newest data ${roughly(ageUs)} old`}, promised within ${formatDuration(freshnessUs)}`,
        ),
        '; ',
      ),
      'See that new data reaches the source, then  provender materialize',
    )
  return well(promised.length === 0 ? 'no view promises any' : `${counted(promised.length, 'view')} within the promise`)
}

/** Log rows looked at: one that lags by more lags. */
const lagRows = 100_000
/** Workers bring the log online every few seconds. */
const lagUs = 60_000_000n

/** Whether all that was pushed is known to be online. */
export async function pushLogFinding(parts: Parts, stored: readonly Stored[], call: Call): Promise<Finding> {
  const head = await parts.log.head(call)
  const cursors = stored.map(({ marks }) => marks.cursor ?? 0n)
  const from = cursors.reduce((least, each) => (each < least ? each : least), head)
  const behind = new Map<string, number>()
  let looked = 0
  let oldest: bigint | undefined
  for await (const { position, record } of parts.log.changes({ from, before: head }, call)) {
    if (record.to === 'offline') continue
    for (const [i, { generation }] of stored.entries()) {
      const { name } = generation.resolved
      if (position < (cursors[i] ?? 0n) || !concerns(record.target, generation.resolved)) continue
      behind.set(name, (behind.get(name) ?? 0) + record.rows.length)
      for (const { created } of record.rows) oldest = oldest === undefined || created < oldest ? created : oldest
    }
    looked += record.rows.length
    if (looked >= lagRows) break
  }
  const rows = [...behind.values()].reduce((sum, each) => sum + each, 0)
  if (oldest === undefined || rows === 0) return well('all that was pushed is online')
  const lag = parts.clock.now() - oldest
  const told = `${looked >= lagRows ? 'more than ' : ''}${counted(rows, 'pushed row')} not caught up with, for ${roughly(lag)}: ${few([...behind.keys()])}`
  return lag > lagUs ? worth(told, 'provender serve  or  provender materialize  catches up.') : well(told)
}

const listedLetters = 1000

/** Whether rows that were refused wait for somebody. */
export async function deadLettersFinding(parts: Parts, call: Call): Promise<Finding> {
  const letters = await parts.log.deadLetters({ limit: listedLetters }, call)
  if (letters.length === 0) return well('none')
  const number = `${letters.length === listedLetters ? 'at least ' : ''}${counted(letters.length, 'refused row')}`
  return worth(
    `${number} for ${few([...new Set(letters.map(({ target }) => target.name))])}`,
    'provender dead-letters  shows why; --replay tries again',
  )
}

const lookedAtRuns = 100

/** Whether the last run of every view went well, and none has been left by a process that ended. */
export async function runsFinding(parts: Parts, snapshot: Snapshot, call: Call): Promise<Finding> {
  const underway = (
    await Promise.all(
      (['running', 'queued'] as const).map(async (state) => parts.runLog.runs({ state, limit: lookedAtRuns }, call)),
    )
  ).flat()
  const left = underway.filter((run) => parts.isDead(run.owner))
  if (left.length > 0)
    return worth(
      `left by a process that ended: ${few(left.map(({ id, view }) => `${id} of ${view}`))}`,
      'provender materialize  takes over: what is covered stays covered.',
    )
  const failed: RunRecord[] = []
  for (const { name } of servedOf(snapshot)) {
    const [last] = await parts.runLog.runs({ view: name, limit: 1 }, call)
    if (last?.state === 'failed') failed.push(last)
  }
  const [first] = failed
  if (first !== undefined)
    return broken(
      `${counted(failed.length, 'view')} whose last run failed; the first: ${first.view}: ${first.error?.detail ?? first.error?.code ?? 'no reason is recorded'}`,
      `provender run ${first.id}`,
    )
  return well(underway.length === 0 ? 'none is under way' : `${counted(underway.length, 'run')} under way`)
}
