import { inspect } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { openConnections } from '../../src/engines/postgres/connections.ts'
import { type Certificates, makeCertificates } from '../support/certificates.ts'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { definitionsOf, openPostgresStore, servedOf } from './postgres-store.ts'

let certificates: Certificates
let others: Certificates
let server: PostgresServer
const password = 'p@ss w:rd'

beforeAll(async () => {
  // The server's is for the name alone, not for the address.
  ;[certificates, others] = await Promise.all([makeCertificates('DNS:localhost'), makeCertificates()])
  server = await startPostgres({ ssl: 'on', ssl_cert_file: certificates.cert, ssl_key_file: certificates.key })
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await Promise.all([certificates, others].map((each) => each[Symbol.asyncDispose]()))
})

const urlOf = (settings: string, host = 'localhost'): string =>
  `postgres://provender:${encodeURIComponent(password)}@${host}:${server.port}/provender?${settings}`

/** Whether a connection by a url is encrypted; or what it throws. */
async function asked(settings: string, host?: string): Promise<unknown> {
  const project = 'tls'
  try {
    await using opened = await openPostgresStore(urlOf(settings, host), project)
    await opened.store.versions()
  } catch (thrown) {
    return thrown
  }
  const connections = openConnections(urlOf(settings, host))
  const client = await connections.take()
  const { rows } = await client.query<{ ssl: boolean }>('select ssl from pg_stat_ssl where pid = pg_backend_pid()')
  client.release()
  await connections[Symbol.asyncDispose]()
  return rows[0]?.ssl
}

test('all that a store does is done over TLS', async () => {
  const watcher = new pg.Client({ connectionString: server.url })
  await watcher.connect()
  await watcher.query('create table orders (id bigint, n bigint, at timestamptz, written timestamptz)')
  await using opened = await openPostgresStore(urlOf(`sslmode=verify-full&sslrootcert=${certificates.ca}`), 'tls')
  const { store } = opened
  await store.apply(definitionsOf('ada'))
  await store.push('taps', [{ id: 1, n: 7, at: new Date() }])
  await store.materialize()
  expect(await servedOf(store, 'tapped', 2)).toEqual([null, 7])
  await using table = await store.historical('tapped', { rows: [{ id: 1, event_timestamp: new Date() }] })
  expect(await table.rows()).toMatchObject([{ id: 1, n: 7 }])
  const { rows } = await watcher.query<{ ssl: boolean }>(
    `select ssl from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'provender'`,
  )
  expect(rows.length).toBeGreaterThan(0)
  expect(rows.filter(({ ssl }) => !ssl)).toEqual([])
  await watcher.end()
})

test('a query is cancelled over TLS', async () => {
  await using proxy = await startCuttingProxy(server.port)
  const secure = urlOf(`sslmode=verify-full&sslrootcert=${certificates.ca}`)
  const url = secure.replace(String(server.port), String(proxy.port))
  await using connections = openConnections(url)
  const client = await connections.take()
  const sleeping = client.query('select pg_sleep(20)')
  sleeping.catch(() => undefined)
  const watcher = new pg.Client({ connectionString: server.url })
  await watcher.connect()
  onTestFinished(() => watcher.end())
  const running = `select pid from pg_stat_activity where state = 'active' and query like 'select pg_sleep%'`
  await expect.poll(async () => (await watcher.query(running)).rowCount).toBe(1)
  const beganMs = performance.now()
  await connections.cancel(client)
  await expect(sleeping).rejects.toMatchObject({ code: '57014' })
  expect(performance.now() - beganMs).toBeLessThan(5_000)
  client.release()
  // Who listens hears neither a query nor what is needed to cancel others: both begin by asking for TLS.
  const began = proxy.heard.flatMap(([, said]) => (said === 'closed' ? [] : [said.readInt32BE(4)]))
  expect(began).toEqual([80877103, 80877103])
})

test('a server is spoken to when its certificate is vouched for and is its own', async () => {
  const { ca } = certificates
  for (const mode of ['verify-full', 'verify-ca', 'require']) {
    expect(await asked(`sslmode=${mode}&sslrootcert=${ca}`), mode).toBe(true)
    const strangers = [
      await asked(`sslmode=${mode}`),
      await asked(`sslmode=${mode}&sslrootcert=${others.ca}`),
      await asked(`sslmode=${mode}&sslrootcert=${ca}`, '127.0.0.1'),
    ]
    for (const thrown of strangers)
      expect(thrown, mode).toMatchObject({
        code: 'STORE_UNREACHABLE',
        remedy: expect.stringContaining('sslrootcert=ca.pem') as string,
      })
    expect(inspect(strangers, { depth: 20, showHidden: true })).not.toMatch(/p@ss|p%40ss/)
  }
  expect(await asked(`sslrootcert=${others.ca}`)).toMatchObject({ code: 'STORE_UNREACHABLE' })
  expect(await asked('sslmode=no-verify')).toBe(true)
  expect(await asked('sslmode=disable')).toBe(false)
})

test('what cannot be meant is told', async () => {
  expect(await asked('sslmode=prefer')).toMatchObject({
    code: 'INVALID_CONFIG',
    remedy: expect.stringContaining('verify-full') as string,
  })
  expect(await asked('sslmode=verify-full&sslrootcert=/nowhere/ca.pem')).toMatchObject({
    code: 'INVALID_CONFIG',
    message: expect.stringContaining('/nowhere/ca.pem') as string,
  })
  await using plain = await startPostgres()
  await using opened = await openPostgresStore(`${plain.url}?sslmode=no-verify`, 'tls')
  await expect(opened.store.versions()).rejects.toMatchObject({
    code: 'STORE_UNREACHABLE',
    remedy: expect.stringContaining('`ssl`') as string,
  })
})
