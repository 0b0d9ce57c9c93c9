import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { WireDefinitions } from '../../src/define/definition.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { type PostgresStore, openPostgresStore } from './postgres-store.ts'

/** Above what a database is made of, and of no whole number of pages: so a write ends in a page, as on a disk that gets full. */
const fullBytes = 2 * 1024 * 1024 + 4096

let server: PostgresServer
let opened: PostgresStore

beforeAll(async () => {
  // The log of writes comes in files that are no larger than the limit.
  server = await startPostgres({}, ['--wal-segsize=1'])
})
afterAll(async () => server[Symbol.asyncDispose]())

async function ask(sql: string, url = server.url): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

const definitions = (description = 'small'): WireDefinitions => ({
  entities: { thing: { keys: { id: 'int64' } } },
  sources: {
    taps: { type: 'push', schema: { id: 'int64', text: 'string' }, timestamp: 'at' },
    files: { type: 'csv', path: 'data/*.csv', timestamp: 'at' },
    wide: {
      type: 'postgres',
      // Sorts more than it may keep in memory.
      query: `select n as id, left(text, 5) as text, timestamptz '2024-01-01' as at
        from (select n, repeat(n::text, 400) as text from generate_series(1, 60000) as s(n) order by n desc offset 0) as sorted where n <= 50`,
      timestamp: 'at',
    },
  },
  views: {
    tapped: { entities: ['thing'], source: 'taps', description, features: { text: 'string' } },
    filed: { entities: ['thing'], source: 'files', features: { text: 'string' } },
    wide: { entities: ['thing'], source: 'wide', features: { text: 'string' } },
  },
  on_demand: {},
  services: {},
})

const project = 'full'
beforeEach(async () => {
  opened = await openPostgresStore(server.url, project)
  return async () => {
    await server.limitFiles(undefined)
    await opened[Symbol.asyncDispose]()
  }
})

/** Text that takes its room, however it is packed. */
const noise = (bytes: number): string => randomBytes(bytes).toString('base64')
const full = { code: 'STORE_FULL', status: 503, retryable: true }

test('a push', async () => {
  const { store } = opened
  await store.apply(definitions())
  const rows = Array.from({ length: 250 }, (_, id) => ({ id, text: noise(10_000), at: new Date() }))
  const push = async () => store.push('taps', rows, { idempotencyKey: 'large' })
  await store.push('taps', rows.slice(0, 3))
  await server.limitFiles(fullBytes)
  await expect(push()).rejects.toMatchObject(full)
  await expect(push()).rejects.toMatchObject(full)
  expect(await ask('select count(*)::int as rows from push_row')).toEqual([{ rows: 3 }])
  expect(await ask('select key from push_key')).toEqual([])
  await server.limitFiles(undefined)
  expect(await push()).toEqual({ accepted: 250, superseded: 0, rejected: [] })
  expect(await ask('select count(*)::int as rows from push_row')).toEqual([{ rows: 253 }])
})

test('an apply', async () => {
  const { store } = opened
  const { version } = await store.apply(definitions('before'))
  const described = definitions(noise(3_000_000))
  await server.limitFiles(fullBytes)
  await expect(store.apply(described)).rejects.toMatchObject(full)
  expect(await ask('select max(version)::int as version from registry_version')).toEqual([{ version }])
  expect((await store.list('views')).find(({ name }) => name === 'tapped')).toMatchObject({ description: 'before' })
  await server.limitFiles(undefined)
  expect((await store.apply(described)).version).toBe(version + 1)
})

test('a load', async () => {
  const { store, dir } = opened
  await mkdir(join(dir, 'data'))
  const write = async (file: string, rows: number): Promise<void> => {
    const lines = Array.from({ length: rows }, (_, id) => `${id},2024-01-01T00:00:00Z,${file} ${noise(1000)}`)
    await writeFile(join(dir, 'data', file), `id,at,text\n${lines.join('\n')}\n`)
  }
  const loaded = async () => {
    const [{ source } = {}] = await ask('select source from load_source')
    return ask(`select f.rows::int, (select count(*)::int from load_${String(source)} where _file = f.file) as held
      from load_file f order by path`)
  }
  await store.apply(definitions())
  await write('a.csv', 1000)
  await store.load()
  await write('a.csv', 1100)
  await write('b.csv', 3000)
  await server.limitFiles(fullBytes)
  await expect(store.load()).rejects.toMatchObject(full)
  expect(await loaded()).toEqual([{ rows: 1000, held: 1000 }])
  await server.limitFiles(undefined)
  expect(await store.load()).toEqual({ sources: [{ source: 'files', rows: 4100, skipped: 0 }] })
  expect(await loaded()).toEqual([
    { rows: 1100, held: 1100 },
    { rows: 3000, held: 3000 },
  ])
})

test('a materialization and a training set', async () => {
  const { store } = opened
  await store.apply(definitions())
  const materialize = async () => store.materialize(['wide'])
  const at = new Date()
  const spine = { rows: Array.from({ length: 60_000 }, (_, id) => ({ id, event_timestamp: at })) }
  const train = async () => {
    await using table = await store.historical('tapped', spine)
    return (await table.rows()).length
  }
  await server.limitFiles(fullBytes)
  await expect(materialize()).rejects.toMatchObject(full)
  const [failed] = await store.runs({ view: 'wide' })
  expect(failed).toMatchObject({ state: 'failed', error: { code: 'STORE_FULL' } })
  await expect(train()).rejects.toMatchObject(full)
  await server.limitFiles(undefined)
  expect(await materialize()).toMatchObject([{ state: 'succeeded', written: 50 }])
  expect(await train()).toBe(60_000)
})

test('more room for temporary files, or for locks, than a query may have is told too', async () => {
  const { store } = opened
  const { sources, views, ...rest } = definitions()
  const locking = `select n as id, 'x' as text, timestamptz '2024-01-01' as at
    from generate_series(1, 1000000) as s(n), pg_advisory_xact_lock(n)`
  await store.apply({
    ...rest,
    views,
    sources: { ...sources, taps: { type: 'postgres', query: locking, timestamp: 'at' } },
  })
  await ask(`alter role provender set temp_file_limit = '1MB'`)
  await using limited = await openPostgresStore(`${server.url}?application_name=limited`, project)
  const materialize = async (view: string) => limited.store.materialize([view], { repair: true })
  const saying = (text: string) => ({ ...full, message: expect.stringContaining(text) as string })
  await expect(materialize('tapped')).rejects.toMatchObject(saying('out of shared memory'))
  // They are given back one by one, and until then there are none for anybody.
  await expect.poll(() => ask(`select count(*) < 100 as few from pg_locks`)).toEqual([{ few: true }])
  await expect(materialize('wide')).rejects.toMatchObject(saying('temp_file_limit'))
  await ask(`alter role provender reset temp_file_limit`)
})

test('a log of writes that has no room: the server ends, and when it is started again, nothing that was answered is lost', async () => {
  await ask(`create database fresh`)
  const url = server.url.replace(/\/provender$/, '/fresh')
  await using fresh = await openPostgresStore(url, 'fresh')
  const { store } = fresh
  await store.apply(definitions())
  const answered: number[] = []
  const rows = Array.from({ length: 200 }, (_, id) => ({ id, text: noise(3000), at: new Date() }))
  const push = async (id: number): Promise<void> => {
    await store.push('taps', rows.slice(id, id + 1), { idempotencyKey: `row ${id}` })
    answered.push(id)
  }
  await push(0)
  // Below the size of its files, of which the newest is nearly that long by then, and above that of any table.
  await ask(`select pg_switch_wal()`)
  await ask(`select pg_logical_emit_message(false, 'test', repeat('x', 700000))`)
  await server.limitFiles(900 * 1024)
  const pushing = (async () => {
    for (let id = 1; id < rows.length; id++) await push(id)
  })()
  await expect(pushing).rejects.toMatchObject({ code: 'STORE_UNREACHABLE', retryable: true })
  await server.stop('immediate')
  await server.restart()
  await push(answered.length)
  const kept = await ask('select vals[1]::int as id from push_row order by 1', url)
  expect(kept.map(({ id }) => id)).toEqual(answered)
})
