import type { Call } from '../../src/kernel/call.ts'
import type { Definitions } from '../../src/define/definition.ts'
import { resolveView } from '../../src/define/resolved-view.ts'
import { fromWire } from '../../src/define/wire.ts'
import type { OfflineStore, SpineInput } from '../../src/ports/offline.ts'
import { asOfPlan } from '../../src/query/historical.ts'
import type { Relation } from '../../src/query/relation.ts'
import { useOf } from '../../src/testing/offline-bench.ts'
import type { Value } from '../../src/values/value.ts'

/** Who answers: a query whose row says whether a replica ran it, after some seconds. */
export const whoAfter = (seconds: number, from = ''): string =>
  `select 1::bigint as k, timestamptz '2024-01-01' as at, pg_is_in_recovery() as replica from ${from}pg_sleep(${seconds})`

/** Rows that no buffer holds, one number each. */
export const manyRows = 3_000_000
export const many = `select n::bigint as k, timestamptz '2024-01-01' as at, false as replica from generate_series(1, ${manyRows}) as s(n)`

function definitionsOf(query: string): Definitions {
  return fromWire({
    entities: { thing: { keys: { k: 'int64' } } },
    sources: { asked: { type: 'postgres', query, timestamp: 'at' } },
    views: { view: { entities: ['thing'], source: 'asked', features: { replica: 'bool' } } },
    on_demand: {},
    services: {},
  })
}

/** A plan that streams the keys of a query. */
export function streamed(query: string): Relation {
  const source = definitionsOf(query).sources.get('asked')
  if (source === undefined) throw new Error('It was just defined')
  return { kind: 'source', source, take: [{ column: 'k', as: 'k', type: 'int64' }] }
}

/** Reads all rows of a query as they come, and answers how many there were. `seen` hears of each batch. */
export async function count(
  offline: OfflineStore,
  query: string,
  seen?: (rows: number) => Promise<void> | undefined,
  call?: Call,
): Promise<number> {
  await using result = await offline.query({ plan: streamed(query) }, call)
  let rows = 0
  for await (const batch of result.batches()) {
    rows += batch.rows
    await seen?.(rows)
  }
  return rows
}

/** An as-of join of one row to a query: whether a replica answered. Two rows must be two rows. */
export async function joined(offline: OfflineStore, query: string, call?: Call): Promise<Value | null | undefined> {
  const columns = { k: [1n, 1n], moment: [new Date(), new Date()] }
  const { rows, replica } = await answers(offline, query, { kind: 'columns', columns }, call)
  if (rows !== 2) throw new Error(`Two rows were asked about: ${rows}`)
  return replica
}

/** An as-of join of rows with a `k` and a `moment` to a query: how many came back, and what all of them say of whether a replica answered. */
export async function answers(
  offline: OfflineStore,
  query: string,
  spine: SpineInput,
  call?: Call,
): Promise<{ rows: number; replica: Value | null }> {
  const definitions = definitionsOf(query)
  const view = definitions.views.get('view')
  if (view === undefined) throw new Error('It was just defined')
  const plan = asOfPlan(definitions, [useOf(resolveView(definitions, view))], {
    timestamp: 'moment',
    knownBySpine: false,
  })
  await using result = await offline.query({ plan, inputs: new Map([['spine', spine]]) }, call)
  let rows = 0
  const said = new Set<Value | null>()
  for await (const batch of result.batches()) {
    rows += batch.rows
    for (let i = 0; i < batch.rows; i++) said.add(batch.columns.at(-1)?.[i] ?? null)
  }
  const [replica = null, ...others] = said
  if (others.length > 0) throw new Error(`The rows differ: ${[...said].join(', ')}`)
  return { rows, replica }
}
