import { expect } from 'vitest'
import { progressOf } from '../../src/decide/attempt.ts'
import { formatInstant } from '../../src/values/instant.ts'
import { type History, type Vector, entities } from './history.ts'
import type { OpenRepository, Variant } from './repository.ts'

/** Compares what is served, and what a snapshot at now says, with the oracle: every entity, values and event times. */
export async function compare(opened: OpenRepository, history: History, variant: Variant): Promise<void> {
  const expected = history.expected(variant)
  const keys = expected.map((_, k) => ({ k }))
  const served = await opened.store.online('latest', keys)
  const found = served.exact.map((values, k): Vector => {
    const none = served.statuses[k]?.every((status) => status === 'NOT_FOUND') === true
    return { at: none ? null : (served.eventTimes[k]?.[0] ?? null), values: values.map(numberOf) }
  })
  expectSame('served', found, expected)
  const table = await opened.store.snapshot('latest', { at: opened.clock.now() })
  const rows = new Map((await table.rows({ instants: 'micros' })).map((row) => [row['k'], row]))
  const said = keys.map(({ k }): Vector => {
    const row = rows.get(k)
    return {
      at: (row?.['event_timestamp'] as bigint | undefined) ?? null,
      values: served.features.map((f) => numberOf(row?.[f] ?? null)),
    }
  })
  expectSame('history', said, expected)
}

const numberOf = (value: unknown): number | null => (value === null ? null : Number(value))

/** Names the first few that differ: thousands of entities make a long diff. */
function expectSame(what: string, found: readonly Vector[], expected: readonly Vector[]): void {
  const text = ({ at, values }: Vector): string =>
    `${at === null ? 'nothing' : formatInstant(at)} ${JSON.stringify(values)}`
  const differences = expected.flatMap((each, k) => {
    const other = found[k]
    const same = other !== undefined && text(other) === text(each)
    return same
      ? []
      : [`entity ${k}: expected ${text(each)}, ${what} ${other === undefined ? 'is missing' : text(other)}`]
  })
  expect([found.length, differences.length, differences.slice(0, 5)], `what is ${what}`).toEqual([entities, 0, []])
}

/** After a run to now: the coverage reaches from the beginning to now, nothing is being built, and the marks say that all is done. */
export async function expectCovered(opened: OpenRepository): Promise<void> {
  const { value } = await opened.engines.runLog.readState('latest')
  const serving = value?.generations.serving
  expect(serving).toBeTruthy()
  if (value === null || serving === null || serving === undefined) return
  expect(value.generations.building).toBeNull()
  const progress = progressOf(value.progress, serving.generation)
  expect(progress.begun).toEqual([])
  const coverage = progress.coverage.find((each) => each.revision === serving.revision)
  expect(coverage?.intervals).toEqual([{ start: null, end: opened.clock.now() + 1n }])
  const [marks] = await opened.engines.marks.readMarks([{ view: 'latest', generation: serving.generation }])
  expect(marks?.stamp).toEqual({ attempt: progress.finished, state: 'done' })
  expect(marks?.cursor).toBe(await opened.engines.log.head())
}

/** No run says that it is still to end. */
export async function expectAllEnded({ store }: OpenRepository): Promise<void> {
  for (const state of ['running', 'queued'] as const) expect(await store.runs({ state })).toEqual([])
}
