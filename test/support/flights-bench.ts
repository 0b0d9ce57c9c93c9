import type { FileSourceDef } from '../../src/define/definition.ts'
import type { SpineInput } from '../../src/ports/offline.ts'
import { type AsOf, type AsOfJoin, type InputRows, own } from '../../src/query/relation.ts'
import type { FeatureType } from '../../src/values/feature-type.ts'
import { type DuckdbBench, columnsOf, openBench } from './duckdb-bench.ts'

/** Microseconds of 2020-01-01, when all flights are. */
export const T0 = 1_577_836_800_000_000n

/** A bench with three flights: ids 1, 2 and the greatest int64, airports A, B, C, delays 5, 6, 7. */
export async function openFlights(): Promise<DuckdbBench> {
  const bench = await openBench()
  await bench.sql(
    `COPY (SELECT * FROM (VALUES (1::BIGINT, 'A', 5, TIMESTAMP '2020-01-01'), (2, 'B', 6, TIMESTAMP '2020-01-01'), (9223372036854775807, 'C', 7, TIMESTAMP '2020-01-01')) t(id, airport, delay, "at")) TO '{dir}/flights.parquet'`,
  )
  return bench
}

export const flights: FileSourceDef = {
  kind: 'source',
  name: 'flights',
  type: 'parquet',
  path: 'flights.parquet',
  timestamp: 'at',
}

/** The delay of the flight whose key is in a spine column. */
export function join1(key: string, type: FeatureType, spineKey: string, as = 'delay'): AsOfJoin {
  const take = [
    { column: key, as: 'key', type },
    { column: 'delay', as: 'delay', type: 'int32' },
    { column: 'at', as: own.event, type: 'timestamp' },
  ] as const
  const columns = [
    ...take.map((t) => ({ as: t.as, column: t.as })),
    { as: own.created, type: 'timestamp' as const, constant: null },
  ]
  return {
    right: { kind: 'derive', input: { kind: 'source', source: flights, take }, columns },
    on: [{ left: spineKey, right: 'key' }],
    ttlUs: 0n,
    knownByLeft: false,
    order: [own.event, own.created],
    outputs: [{ column: 'delay', as }],
  }
}

/** An as-of join of the spine. */
export const plan = (uses: InputRows['uses'], at: string, joins: readonly AsOfJoin[]): AsOf => ({
  kind: 'asOf',
  left: { kind: 'input', name: 'spine', uses },
  at,
  joins,
})
export const byId = plan(
  [
    { name: 'id', type: 'int64' },
    { name: 'event_timestamp', type: 'timestamp' },
  ],
  'event_timestamp',
  [join1('id', 'int64', 'id')],
)
export const byAirport = plan(
  [
    { name: 'airport', type: 'string' },
    { name: 'event_timestamp', type: 'timestamp' },
  ],
  'event_timestamp',
  [join1('airport', 'string', 'airport')],
)

/** Joins a spine; answers the types and values of all columns. */
export async function ask(
  bench: DuckdbBench,
  asOf: AsOf,
  spine: SpineInput,
): Promise<{ types: Record<string, unknown>; columns: Record<string, unknown[]> }> {
  const result = await bench.offline.query({ plan: asOf, inputs: new Map([['spine', spine]]) })
  const types = Object.fromEntries(result.fields.map((f) => [f.name, f.type]))
  return { types, columns: await columnsOf(result) }
}
