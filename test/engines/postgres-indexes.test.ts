import { join } from 'node:path'
import { mkdir } from 'node:fs/promises'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import type { SourceDef } from '../../src/define/definition.ts'
import { openPostgresOffline } from '../../src/engines/postgres/offline.ts'
import { type Reach, reachOf } from '../../src/engines/postgres/table-facts.ts'
import type { OfflineStore } from '../../src/ports/offline.ts'
import { type AsOf, own } from '../../src/query/relation.ts'
import type { FeatureType } from '../../src/values/feature-type.ts'
import { type DuckdbBench, columnsOf, openBench } from '../support/duckdb-bench.ts'
import { newSchema } from '../support/postgres-schema.ts'

async function connected<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

const ask = (url: string, text: string): Promise<Record<string, unknown>[]> =>
  connected(url, async (client) => (await client.query<Record<string, unknown>>(text)).rows)

const columns = 'create table t (a int, b text, at timestamptz, v int)'

describe('what an index is good for', () => {
  test.for<[index: string, seeks: boolean, single: boolean]>([
    ['create index on t (a, at)', true, false],
    ['create index on t (b, a, at)', false, false],
    ['create index on t (a, v, at)', false, false],
    ['create index on t (a) include (at)', false, false],
    ['create index on t (a, at) where v > 0', false, false],
    ['create index on t (a, (v + 1), at)', false, false],
    ['create index on t using brin (a, at)', false, false],
    ['create index on t (at, a)', false, false],
    ['create index on t (a desc nulls last, at desc)', true, false],
    ['create index on t (a, at desc nulls last)', false, false],
    ['create index on t (a, at nulls first)', false, false],
    ['create unique index on t (a, at)', true, true],
    ['create unique index on t (at, a)', false, true],
    ['create unique index on t (a)', false, true],
    ['create unique index on t (a, at, v)', true, false],
    ['create unique index on t (a) include (v)', false, true],
    ['create unique index on t (a, at) where v > 0', false, false],
    ['create unique index on t (a, (v % 2))', false, false],
    ['alter table t add primary key (a, at)', true, true],
    ['create unique index on t (a, at); create table child () inherits (t)', true, false],
  ])('%s', async ([index, seeks, single]) => {
    const url = await newSchema()
    const reach = await connected(url, async (client): Promise<Reach> => {
      await client.query(`${columns}; ${index}`)
      return reachOf(client, 't', { keys: ['a'], event: 'at' })
    })
    expect(reach).toEqual({ seeks, single })
  })

  test('texts that it sorts by another collation are not found', async () => {
    const url = await newSchema()
    await connected(url, async (client) => {
      await client.query(`${columns}; create index on t (b collate "C", at)`)
      expect((await reachOf(client, 't', { keys: ['b'], event: 'at' })).seeks).toBe(false)
      await client.query('create index on t (b, at)')
      expect((await reachOf(client, 't', { keys: ['b'], event: 'at' })).seeks).toBe(true)
    })
  })

  test('of several keys any order will do', async () => {
    const url = await newSchema()
    await connected(url, async (client) => {
      await client.query(`${columns}; create index on t (b, a, at)`)
      expect(await reachOf(client, 't', { keys: ['a', 'b'], event: 'at' })).toEqual({ seeks: true, single: false })
      expect(await reachOf(client, 't', { keys: [], event: 'at' })).toEqual({ seeks: false, single: false })
    })
  })

  test('one of all partitions says that rows are distinct', async () => {
    const url = await newSchema()
    await connected(url, async (client) => {
      await client.query(
        `create table t (a int, at timestamptz) partition by range (at); create table rest partition of t default; create unique index on t (a, at)`,
      )
      expect(await reachOf(client, 't', { keys: ['a'], event: 'at' })).toEqual({ seeks: true, single: true })
    })
  })
})

const asOf = (source: SourceDef, key: FeatureType): AsOf => ({
  kind: 'asOf',
  left: {
    kind: 'input',
    name: 'spine',
    uses: [
      { name: 'k', type: key },
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
            { column: 'k', as: 'k', type: key },
            { column: 'day', as: own.event, type: 'timestamp' },
            { column: 'v', as: 'v', type: 'int64' },
            { column: 'day', as: 'since', type: 'timestamp' },
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
          { as: 'since', column: 'since' },
        ],
      },
      on: [{ left: 'k', right: 'k' }],
      ttlUs: 0n,
      knownByLeft: false,
      order: [own.event, own.created, own.reading, own.tie, 'v', 'since'],
      outputs: [
        { column: 'v', as: 'v' },
        { column: 'since', as: 'since' },
      ],
    },
  ],
})

const keys = 100
const days = 200
const asked = 50

/** What a spine of the 10th hour of some days finds among rows at the beginning of each day: v = day × keys + k. */
async function check(offline: OfflineStore, source: SourceDef, key: 'int64' | 'string'): Promise<void> {
  const day = (i: number): number => Math.floor((i * days) / asked)
  const rows = Array.from({ length: asked }, (_, i) => ({
    k: key === 'int64' ? BigInt(i % keys) : `k${i % keys}`,
    at: new Date(Date.UTC(2026, 0, 1 + day(i), 10)),
  }))
  const spine = new Map([['spine', { kind: 'rows' as const, rows }]])
  const found = await columnsOf(await offline.query({ plan: asOf(source, key), inputs: spine }))
  expect(found['v']).toEqual(rows.map((_, i) => BigInt(day(i) * keys + (i % keys))))
  expect(found['since']).toEqual(rows.map((_, i) => BigInt(Date.UTC(2026, 0, 1 + day(i))) * 1_000n))
}

/** Rows of a table that were read without an index, and look-ups by one, as far as those who have gone told. */
async function readOf(url: string, table: string): Promise<{ scanned: number; found: number }> {
  const text = `select seq_tup_read::int as scanned, coalesce(idx_scan, 0)::int as found from pg_stat_user_tables where relid = '${table}'::regclass`
  const [row] = await ask(url, text)
  return { scanned: Number(row?.['scanned']), found: Number(row?.['found']) }
}

async function onlyLookedUp(
  url: string,
  table: string,
  use: (offline: OfflineStore, bench: DuckdbBench) => Promise<void>,
): Promise<void> {
  const before = await readOf(url, table)
  {
    await using bench = await openBench()
    await using offline = openPostgresOffline({ url, replicas: [], local: bench.offline })
    await use(offline, bench)
  }
  await expect.poll(async () => (await readOf(url, table)).found - before.found, { timeout: 10_000 }).toBe(asked)
  expect((await readOf(url, table)).scanned).toBe(before.scanned)
}

describe('rows are found by an index', () => {
  test.for<[key: string, day: string]>([
    ['bigint', 'timestamptz'],
    ['int', 'timestamp'],
    ['smallint', 'date'],
    ['text', 'date'],
    ['varchar(20)', 'timestamp'],
  ])('of %s and %s', async ([key, day]) => {
    const url = await newSchema()
    const isText = key === 'text' || key.startsWith('varchar')
    await ask(
      url,
      `create table t as select (${isText ? `'k' || k` : 'k'})::${key} as k, (timestamp '2026-01-01' + d * interval '1 day')${day === 'timestamptz' ? ` at time zone 'UTC'` : `::${day}`} as day, d * ${keys} + k as v
       from generate_series(0, ${keys - 1}) as k, generate_series(0, ${days - 1}) as d;
       create index on t (k, day); analyze t`,
    )
    const source: SourceDef = { kind: 'source', name: 't', type: 'postgres', table: 't', timestamp: 'day' }
    await onlyLookedUp(url, 't', (offline) => check(offline, source, isText ? 'string' : 'int64'))
  })

  test('that is made with the loading of a file', async () => {
    const url = await newSchema()
    await using bench = await openBench()
    const source: SourceDef = { kind: 'source', name: 'f', type: 'parquet', path: 'f', timestamp: 'day' }
    await mkdir(join(bench.dir, 'f'))
    await bench.sql(
      `COPY (SELECT k::INTEGER AS k, TIMESTAMP '2026-01-01' + to_days(d::INTEGER) AS day, d * ${keys} + k AS v FROM range(${keys}) AS k(k), range(${days}) AS d(d)) TO '{dir}/f/0.parquet' (FORMAT parquet)`,
    )
    {
      await using offline = openPostgresOffline({ url, replicas: [], local: bench.offline })
      await offline.load(source, { columns: [], keys: [[{ column: 'k', type: 'int64' }]] })
    }
    const [row] = await ask(url, `select 'load_' || source as name from load_source`)
    const table = String(row?.['name'])
    // Who wrote tells of it when it has gone.
    await expect.poll(async () => (await readOf(url, table)).scanned, { timeout: 10_000 }).toBeGreaterThan(0)
    await onlyLookedUp(url, table, (offline) => check(offline, source, 'int64'))
  })
})
