import pg from 'pg'
import { expect, test } from 'vitest'
import type { PostgresSourceDef, SourceDef } from '../../src/define/definition.ts'
import { openPostgresOffline } from '../../src/engines/postgres/offline.ts'
import { type AsOf, own } from '../../src/query/relation.ts'
import { columnsOf, openBench } from '../support/duckdb-bench.ts'
import { newSchema } from '../support/postgres-schema.ts'

const asOf = (source: SourceDef): AsOf => ({
  kind: 'asOf',
  left: {
    kind: 'input',
    name: 'spine',
    uses: [
      { name: 'k', type: 'string' },
      { name: 'at', type: 'timestamp' },
    ],
  },
  at: 'at',
  joins: [
    {
      right: {
        kind: 'derive',
        input: {
          kind: 'source',
          source,
          take: [
            { column: 'k', as: 'k', type: 'string' },
            { column: 'at', as: own.event, type: 'timestamp' },
            { column: 'v', as: 'v', type: 'int64' },
          ],
        },
        columns: [
          { as: 'k', column: 'k' },
          { as: own.event, column: own.event },
          { as: own.created, type: 'timestamp', constant: null },
          { as: own.reading, type: 'int64', constant: 1n },
          { as: own.tie, type: 'int64', constant: 0n },
          { as: own.tombstone, type: 'bool', constant: false },
          { as: 'v', column: 'v' },
        ],
      },
      on: [{ left: 'k', right: 'k' }],
      ttlUs: 0n,
      knownByLeft: false,
      order: [own.event, own.created, own.reading, own.tie, 'v'],
      outputs: [{ column: 'v', as: 'v' }],
    },
  ],
})

/** Keys that a collation takes for equal, which they are not. */
const fill = `
  create collation loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
  create table t (k varchar collate loose, at timestamptz, v int);
  insert into t values ('a', '2026-01-01', 1), ('A', '2026-01-02', 2)`

test.for<[index: string, place: Pick<PostgresSourceDef, 'table' | 'query'>]>([
  ['', { table: 't' }],
  ['create index on t (k, at)', { table: 't' }],
  ['', { query: `select max(k) as k, at, v, 'x' as other, 'y' as other from t group by at, v` }],
])('keys are compared by their bytes, whatever their collation is (%s %o)', async ([index, place]) => {
  const url = await newSchema()
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`${fill}; ${index}`)
  await client.end()
  const source: SourceDef = { kind: 'source', name: 't', type: 'postgres', ...place, timestamp: 'at' }
  await using bench = await openBench()
  await using offline = openPostgresOffline({ url, replicas: [], local: bench.offline })
  const columns = { k: ['a', 'A', 'ä'], at: Array.from({ length: 3 }, () => new Date('2026-01-10')) }
  const inputs = new Map([['spine', { kind: 'columns' as const, columns }]])
  expect((await columnsOf(await offline.query({ plan: asOf(source), inputs })))['v']).toEqual([1n, 2n, null])
  const plan = {
    kind: 'distinct',
    input: { kind: 'source', source, take: [{ column: 'k', as: 'k', type: 'string' }] },
  } as const
  expect(new Set((await columnsOf(await offline.query({ plan })))['k'])).toEqual(new Set(['a', 'A']))
})
