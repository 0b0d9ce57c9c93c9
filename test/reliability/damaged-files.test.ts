import { mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openStore } from '../../src/compose/open-store.ts'
import type { Store } from '../../src/contract/store.ts'
import { openPushLog } from '../../src/engines/duckdb/push-log/push-log.ts'
import { crashWaits } from '../crash/materializer.ts'
import { epoch, openRepository } from '../crash/repository.ts'

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'provender-damaged-'))
  writeFileSync(join(dir, 'provender.yaml'), 'project: damaged\n')
})
afterEach(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }))

const view = (source: string): object => ({ entities: ['thing'], source, features: { v: 'int64' } })
const definitions = {
  entities: { thing: { keys: { k: 'int64' } } },
  sources: {
    parquet: { type: 'parquet', path: 'a.parquet', timestamp: 'at' },
    csv: { type: 'csv', path: 'b.csv', timestamp: 'at' },
    taps: { type: 'push', schema: { k: 'int64', v: 'int64' }, timestamp: 'at' },
  },
  views: { of_parquet: view('parquet'), of_csv: view('csv'), of_taps: view('taps') },
  on_demand: {},
  services: {},
}
const at = '2026-01-01T00:00:00Z'

/** A store with a view of each kind of source, all materialized, with the value 1. */
async function started(): Promise<Store> {
  await writeGood(1)
  const { store } = await openRepository(dir, epoch + 1n, { waits: crashWaits })
  await store.apply(definitions)
  await store.push('of_taps', [{ k: 1, at, v: 1 }])
  await store.materialize()
  return store
}

async function writeGood(v: number): Promise<void> {
  const db = await DuckDBInstance.create(':memory:')
  const rows = `SELECT range AS k, TIMESTAMP '2026-01-01' AS at, ${v}::BIGINT AS v, md5(range::VARCHAR) AS x FROM range(20000)`
  await (await db.connect()).run(`COPY (${rows}) TO '${join(dir, 'a.parquet')}' (COMPRESSION zstd)`)
  db.closeSync()
  writeFileSync(join(dir, 'b.csv'), `k,at,v\n${Array.from({ length: 2000 }, (_, k) => `${k},${at},${v}\n`).join('')}`)
}

const served = async (store: Store): Promise<unknown[]> =>
  Promise.all(Object.keys(definitions.views).map(async (name) => (await store.online(name, [{ k: 1 }]))[0]?.['v']))

const harms: Readonly<Record<string, (path: string) => void>> = {
  'cut in half': (path) => truncateSync(path, readFileSync(path).length >> 1),
  garbage: (path) => writeFileSync(path, Buffer.alloc(9999, '\u0000garbage"')),
  'empty of bytes': (path) => writeFileSync(path, ''),
}

describe.each([
  ['a.parquet', 'of_parquet'],
  ['b.csv', 'of_csv'],
] as const)('a source file, %s, that is', (file, name) => {
  test.each(Object.keys(harms))(
    '%s: is named, other views go on, what is served stays, and it recovers with the file',
    async (harm) => {
      await using store = await started()
      expect(await served(store)).toEqual([1, 1, 1])
      harms[harm]?.(join(dir, file))
      const named = {
        code: expect.stringMatching(/^(SOURCE_UNREADABLE|BAD_VALUE|MISSING_COLUMN)$/) as string,
        message: expect.stringContaining(file) as string,
      }
      await expect(store.materialize(name)).rejects.toMatchObject(named)
      const history = store.snapshot(name, { at: epoch }).then((table) => table.rows())
      await expect(history).rejects.toMatchObject(named)
      const [run] = await store.runs({ view: name, limit: 1 })
      expect(run).toMatchObject({ state: 'failed', error: { detail: named.message } })
      // The others, in one call with it and alone.
      await expect(store.materialize()).rejects.toMatchObject(named)
      for (const other of Object.keys(definitions.views).filter((each) => each !== name)) {
        await store.materialize(other)
        expect((await (await store.snapshot(other, { at: epoch })).rows()).length).toBeGreaterThan(0)
      }
      expect(await served(store)).toEqual([1, 1, 1])
      await writeGood(2)
      await store.materialize()
      expect(await served(store)).toEqual([2, 2, 1])
    },
  )
})

describe('metadata.db', () => {
  const file = (): string => join(dir, '.provender', 'metadata.db')

  test.each([
    ['cut in half', (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1)],
    ['cut by a page', (bytes: Buffer) => bytes.subarray(0, bytes.length - 4096)],
    ['cut in its head', (bytes: Buffer) => bytes.subarray(0, 50)],
    ['garbage', (bytes: Buffer) => Buffer.alloc(bytes.length, 'garbage ')],
    [
      'garbage behind its head',
      (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 100), Buffer.alloc(bytes.length - 100, 'garbage ')]),
    ],
    [
      'zeros behind its first page',
      (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 4096), Buffer.alloc(bytes.length - 4096)]),
    ],
  ] as const)('%s: is told by name with what to do, and nothing is made up in its place', async (_, harm) => {
    await (await started())[Symbol.asyncDispose]()
    const whole = readFileSync(file())
    const harmed = harm(whole)
    writeFileSync(file(), harmed)
    const use = async (): Promise<unknown> => {
      await using store = await openStore(dir)
      await store.versions()
      await store.registry()
      await store.runs()
      return store.materialize()
    }
    await expect(use()).rejects.toMatchObject({
      code: 'CORRUPT_STORE',
      message: expect.stringContaining(file()) as string,
      remedy: expect.stringContaining('docs/guide/operating.md#restore') as string,
    })
    writeFileSync(file(), whole)
    await using store = await openStore(dir)
    expect(await served(store)).toEqual([1, 1, 1])
  })
})

test.each([
  ['missing', (path: string) => rmSync(path)],
  ['cut', (path: string) => truncateSync(path, readFileSync(path).length >> 1)],
] as const)('a sealed file of the push log that is %s is told as the log’s, not as a source’s', async (_, harm) => {
  await (await started())[Symbol.asyncDispose]()
  const folder = join(dir, '.provender', 'offline', 'log')
  {
    await using log = await openPushLog(folder, { sealBytes: 1 })
    await log.maintain({ purge: [], nowUs: epoch })
  }
  const [name = ''] = readdirSync(join(folder, 'rows'))
  await using store = await openStore(dir)
  expect(await (await store.snapshot('of_taps', { at: epoch })).rows()).toHaveLength(1)
  harm(join(folder, 'rows', name))
  const reading = store.snapshot('of_taps', { at: epoch }).then((table) => table.rows())
  await expect(reading).rejects.toMatchObject({
    code: 'CORRUPT_STORE',
    message: expect.stringContaining(name) as string,
    remedy: expect.stringContaining('docs/guide/operating.md#restore') as string,
  })
  expect(await served(store)).toEqual([1, 1, 1])
  expect(await (await store.snapshot('of_csv', { at: epoch })).rows()).not.toHaveLength(0)
})
