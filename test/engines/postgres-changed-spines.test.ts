import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { expect, test } from 'vitest'
import { openPostgresOffline } from '../../src/engines/postgres/offline.ts'
import type { QueryResult } from '../../src/ports/offline.ts'
import { type AsOf, own } from '../../src/query/relation.ts'
import { type DuckdbBench, openBench } from '../support/duckdb-bench.ts'
import { newSchema } from '../support/postgres-schema.ts'

const source = { kind: 'source', name: 't', type: 'postgres', table: 't', timestamp: 'at' } as const
const used = [
  { name: 'k', type: 'int64' },
  { name: 'at', type: 'timestamp' },
] as const
const take = [
  { column: 'k', as: 'k', type: 'int64' },
  { column: 'at', as: own.event, type: 'timestamp' },
  { column: 'v', as: 'v', type: 'int64' },
] as const

const plan: AsOf = {
  kind: 'asOf',
  left: { kind: 'input', name: 'spine', uses: used },
  at: 'at',
  joins: [
    {
      right: {
        kind: 'derive',
        input: { kind: 'source', source, take },
        columns: [
          ...['k', own.event, 'v'].map((name) => ({ as: name, column: name })),
          { as: own.created, type: 'timestamp', constant: null },
          { as: own.reading, type: 'int64', constant: 1n },
          { as: own.tie, type: 'int64', constant: 0n },
          { as: own.tombstone, type: 'bool', constant: false },
        ],
      },
      on: [{ left: 'k', right: 'k' }],
      ttlUs: 0n,
      knownByLeft: false,
      order: [own.event, own.created, own.reading, own.tie, 'v'],
      outputs: [{ column: 'v', as: 'v' }],
    },
  ],
}

/** Starts a join to a file that has one row. */
async function withJoin(work: (result: QueryResult, path: string, bench: DuckdbBench) => Promise<void>): Promise<void> {
  const url = await newSchema()
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(
    `create table t as select k::bigint, timestamptz '2026-01-01' as at, k * 10::bigint as v from generate_series(1, 2) as k`,
  )
  await client.end()
  await using bench = await openBench()
  await using offline = openPostgresOffline({ url, replicas: [], local: bench.offline })
  const path = join(bench.dir, 'spine.ndjson')
  await writeFile(path, `{"k": 1, "at": "2026-01-02"}\n`)
  const spine = { kind: 'file', path, format: 'ndjson' } as const
  await using result = await offline.query({ plan, inputs: new Map([['spine', spine]]) })
  await work(result, path, bench)
}

test.for([`{"k": 2, "at": "2026-01-02"}\n`, `{"k": 1, "at": "2026-01-02"}\n{"k": 2, "at": "2026-01-02"}\n`])(
  'answers are written beside no spine whose file became another: %j',
  (text) =>
    withJoin(async (result, path, bench) => {
      await writeFile(path, text)
      await expect(result.writeParquet(join(bench.dir, 'answers.parquet'))).rejects.toMatchObject({
        code: 'SOURCE_CHANGED',
      })
    }),
)

test('where the file stays the same they are', () =>
  withJoin(async (result, _, bench) => {
    expect(await result.writeParquet(join(bench.dir, 'answers.parquet'))).toBe(1)
    expect(await bench.sql(`SELECT k, v FROM '{dir}/answers.parquet'`)).toEqual([['1', '10']])
  }))
