import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest'
import { startServer } from '../../src/server/start.ts'
import { type Folder, newFolder } from '../cli/shop.ts'
import { type Running, documentOf, json, start } from '../support/command-line.ts'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { openPostgresStore } from './postgres-store.ts'

const asking = (query: string): string => `{ type: postgres, timestamp: at, query: "${query}" }`
const rowsOfSome = 50_000
const numbers = (rows: number): string =>
  `select g as id, timestamptz '2024-01-01' as at, g as n from generate_series(1::bigint, ${rows}) as s(g)`
const definitions = `
entities:
  thing: { keys: { id: int64 } }
sources:
  files: { type: csv, path: data/*.csv, timestamp: at }
  slow: ${asking(`select 1::bigint as id, timestamptz '2024-01-01' as at, 1::bigint as n from pg_sleep(30)`)}
  some: ${asking(numbers(rowsOfSome))}
  many: ${asking(numbers(400_000))}
views:
  filed: { entities: [thing], source: files, features: { n: int64 } }
  slow: { entities: [thing], source: slow, features: { n: int64 } }
  some: { entities: [thing], source: some, features: { n: int64 } }
  many: { entities: [thing], source: many, features: { n: int64 } }
`

let server: PostgresServer
let folder: Folder
let watcher: pg.Client

beforeAll(async () => {
  server = await startPostgres()
  watcher = new pg.Client({ connectionString: server.url })
  await watcher.connect()
  folder = newFolder()
  folder.write('provender.yaml', configOf(server.url))
  folder.write('features/all.yaml', definitions)
  folder.write('spine.csv', 'id,event_timestamp\n1,2026-01-01T00:00:00Z\n')
  await json(folder.dir, ['apply', '--yes'])
})
afterAll(async () => {
  await watcher.end()
  folder.remove()
  await server[Symbol.asyncDispose]()
})

const configOf = (url: string): string =>
  `project: killed\nmetadata: ${url}\noffline: ${url}\nonline: ${inject('services').redis}\n`

/** The statements that clients of ours run. */
async function running(): Promise<string[]> {
  const { rows } = await watcher.query<{ query: string }>(
    `select query from pg_stat_activity where application_name = 'provender' and (state <> 'idle' or backend_xmin is not null)`,
  )
  return rows.map(({ query }) => query)
}

const untilRuns = async (statement: RegExp): Promise<void> =>
  expect.poll(async () => (await running()).some((each) => statement.test(each)), { timeout: 10_000 }).toBe(true)

/** Within a moment nothing of a client that went is left on the server: no statement, no snapshot, no lock. */
const untilNothingRuns = async (): Promise<void> => {
  await expect.poll(running, { timeout: 10_000 }).toEqual([])
  const { rows } = await watcher.query('select pid from pg_locks where pid <> pg_backend_pid()')
  expect(rows).toEqual([])
}

async function kill({ child, ended }: Running): Promise<void> {
  child.kill('SIGKILL')
  await ended
}

test('of a process that is killed in a long read nothing is left on the server', async () => {
  for (const words of [
    ['train', 'slow', '--spine', 'spine.csv', '--out', 'out.csv'],
    ['train', 'slow', '--snapshot', '2027-01-01', '--out', 'out.csv'],
    ['materialize', 'slow'],
  ]) {
    const reading = start(folder.dir, words)
    await untilRuns(/^copy .*pg_sleep/is)
    await kill(reading)
    await untilNothingRuns()
  }
})

test('of a process that is killed in a load nothing is left either, and the next one loads all', async () => {
  const rows = 300_000
  const lines = Array.from({ length: rows }, (_, id) => `${id},2024-01-01T00:00:00Z,${id}`)
  folder.write('data/a.csv', `id,at,n\n${lines.join('\n')}\n`)
  const loading = start(folder.dir, ['load'])
  await untilRuns(/^copy .* from stdin/is)
  loading.child.kill('SIGSTOP')
  // One that waits for the first is killed too: it must not wait on.
  const waiting = start(folder.dir, ['load'])
  await untilRuns(/pg_advisory_xact_lock/)
  await kill(waiting)
  await expect
    .poll(async () => (await running()).some((each) => each.includes('advisory')), { timeout: 10_000 })
    .toBe(false)
  await kill(loading)
  await untilNothingRuns()
  const loaded = `select count(*)::int as rows from load_1`
  expect((await watcher.query(loaded)).rows).toEqual([{ rows: 0 }])
  expect(await json(folder.dir, ['load'])).toEqual({ sources: [{ source: 'files', rows, skipped: 0 }] })
  expect((await watcher.query(loaded)).rows).toEqual([{ rows }])
})

/** Serves the repository in this process, through what may be a bad network. */
async function serve(url: string): Promise<AsyncDisposable & { readonly url: string }> {
  await using owned = new AsyncDisposableStack()
  const { store } = owned.use(await openPostgresStore(url, 'killed'))
  const roots = { dir: folder.dir, dataRoots: [] }
  const { url: at } = owned.use(
    await startServer(store, { host: '127.0.0.1', port: 0, sql: false, roots, roles: ['api'] }),
  )
  const kept = owned.move()
  return { url: at, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

const everything = { start: '2020-01-01', end: '2030-01-01' }
const media = ['text/csv', 'application/x-ndjson', 'application/vnd.apache.parquet', 'application/json']

const ask = async (url: string, features: string, accept: string, signal?: AbortSignal): Promise<Response> =>
  fetch(`${url}/v1/historical/events`, {
    method: 'POST',
    headers: { accept, 'content-type': 'application/json' },
    body: JSON.stringify({ features, ...everything }),
    signal: signal ?? null,
  })

test('an answer that its client cuts off is ended on the server of the history too', async () => {
  await using api = await serve(server.url)
  for (const accept of media) {
    const abort = new AbortController()
    const asking = ask(api.url, 'slow', accept, abort.signal)
    asking.catch(() => undefined)
    await untilRuns(/pg_sleep/)
    abort.abort()
    await expect(asking).rejects.toThrow('aborted')
    await untilNothingRuns()
  }
  for (const accept of media.slice(0, 2)) {
    const abort = new AbortController()
    const { body } = await ask(api.url, 'many', accept, abort.signal)
    await body?.getReader().read()
    expect(await running()).not.toEqual([])
    abort.abort()
    await untilNothingRuns()
  }
})

test('where the connection to PostgreSQL is cut in the middle, no answer looks whole', async () => {
  await using proxy = await startCuttingProxy(server.port)
  await using api = await serve(server.url.replace(String(server.port), String(proxy.port)))
  const whole = async (): Promise<void> => {
    proxy.cutAfter(Infinity)
    expect((await (await ask(api.url, 'some', 'text/csv')).text()).split('\n')).toHaveLength(rowsOfSome + 2)
  }
  for (const accept of media)
    for (let cuts = proxy.cuts; proxy.cuts === cuts;) {
      await whole()
      proxy.cutAfter(1_000_000)
      const answer = await ask(api.url, 'some', accept)
      const text = await answer.text().catch(() => null)
      // One that came over a new connection was not cut off.
      if (proxy.cuts === cuts) continue
      if (answer.status === 200) expect([accept, text === null]).toEqual([accept, true])
      else
        expect({ accept, ...(JSON.parse(text ?? '') as object) }).toMatchObject({ accept, code: 'STORE_UNREACHABLE' })
    }
  await whole()
})

test('what a server that was killed had received goes when another one is started', async () => {
  const temp = mkdtempSync(join(tmpdir(), 'provender-killed-'))
  onTestFinished(() => rmSync(temp, { recursive: true, force: true }))
  const files = (): string[] =>
    readdirSync(temp, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.csv'))
  /** A server that has received a part of a spine. */
  const receiving = async (): Promise<Running> => {
    const serving = start(folder.dir, ['serve', '--port', '0', '--json'], { TMPDIR: temp })
    const [line] = (await once(serving.child.stdout ?? serving.child, 'data')) as [Buffer]
    const { url } = documentOf(line.toString()) as { readonly url: string }
    const sending = request(`${url}/v1/historical?features=filed`, {
      method: 'POST',
      headers: { 'content-type': 'text/csv' },
    })
    sending.on('error', () => undefined)
    sending.write('id,event_timestamp\n1,2026-01-01T00:00:00Z\n')
    await expect.poll(files, { timeout: 5_000 }).not.toEqual(left)
    return serving
  }
  let left: string[] = []
  await kill(await receiving())
  left = files()
  expect(left).toHaveLength(1)
  const serving = await receiving()
  try {
    await expect.poll(files).toEqual([expect.not.stringContaining(left[0] ?? '')])
  } finally {
    await kill(serving)
  }
})
