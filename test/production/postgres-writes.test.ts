import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isProvenderError } from '../../src/kernel/errors.ts'
import type { RunPoint } from '../../src/materialize/deps.ts'
import { startServer } from '../../src/server/start.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import { definitionsOf, openPostgresStore, servedOf } from './postgres-store.ts'

let server: PostgresServer

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

/** A database of its own on the server. */
async function newDatabase(): Promise<string> {
  const name = `d${randomUUID().replaceAll('-', '')}`
  await ask(server.url, `create database ${name}`)
  const url = server.url.replace(/\/provender$/, `/${name}`)
  await ask(url, 'create table orders (id bigint, n bigint, at timestamptz, written timestamptz)')
  return url
}

async function ask(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  const { rows } = await client.query<Record<string, unknown>>(sql)
  await client.end()
  return rows
}

const ids = 50
const projectName = (): string => `w${randomUUID().slice(0, 8)}`
const all = (n: number): number[] => Array.from({ length: ids }, () => n)

/** What may go wrong while a server is away has a code, and may be tried again. */
function retryable(thrown: unknown): void {
  if (!isProvenderError(thrown) || !thrown.retryable) throw thrown
}

async function restart(how: 'fast' | 'immediate'): Promise<void> {
  await server.stop(how)
  await server.restart()
}

const points: readonly RunPoint[] = [
  'leased',
  'begun',
  'stamped open',
  'wrote a batch',
  'wrote all',
  'stamped done',
  'covered',
]

test('a server that restarts under a materialization costs a run at most: the next one ends, nothing is lost or doubled', async () => {
  const url = await newDatabase()
  await using opened = await openPostgresStore(url, projectName())
  const { store } = opened
  await store.apply(definitionsOf('ada'))
  const states: string[] = []
  for (const [n, point] of points.entries()) {
    await ask(
      url,
      `insert into orders select id, ${n}, now() - interval '1 second', now() from generate_series(0, ${ids - 1}) as s(id)`,
    )
    await store.push(
      'taps',
      Array.from({ length: ids }, (_, id) => ({ id, n, at: new Date() })),
      { to: 'offline' },
    )
    let restarting: Promise<void> | undefined
    opened.onPoint((reached) => {
      if (reached === point) restarting ??= restart(n % 2 === 0 ? 'fast' : 'immediate')
    })
    const runs = await store.materialize().catch((thrown: unknown) => {
      retryable(thrown)
      return []
    })
    states.push(...runs.map(({ state }) => state))
    opened.onPoint(null)
    // A run that did not get to this point did not meet the restart.
    expect(restarting, point).toBeDefined()
    await restarting
    expect((await store.materialize()).map(({ state }) => state)).toEqual(['succeeded', 'succeeded'])
    expect(await servedOf(store, 'ordered', ids)).toEqual(all(n))
    expect(await servedOf(store, 'tapped', ids)).toEqual(all(n))
  }
  const [rows] = await ask(url, 'select count(*)::int as rows from push_row')
  expect(rows).toEqual({ rows: points.length * ids })
  // Also those that could not say how they ended.
  const under = (await store.runs({ limit: 1_000 })).filter(({ state }) => ['queued', 'running'].includes(state))
  expect(under).toEqual([])
}, 60_000)

test('a server that restarts under pushes loses none that was answered, and keeps none twice', async () => {
  const url = await newDatabase()
  await using opened = await openPostgresStore(url, projectName())
  const { store } = opened
  await store.apply(definitionsOf('ada'))
  const answered = new Set<number>()
  let going = true
  const pushing = Array.from({ length: 4 }, async (_, writer) => {
    for (let n = writer; going; n += 4) {
      const rows = [{ id: n % ids, n, at: new Date() }]
      const options = { idempotencyKey: `push ${n}` }
      // As a client does it: again with the same key, until there is an answer.
      for (let again = true; again && going;) {
        again = await store.push('taps', rows, options).then(
          () => !answered.add(n),
          (thrown: unknown) => {
            retryable(thrown)
            return true
          },
        )
      }
    }
  })
  for (const how of ['fast', 'immediate', 'fast'] as const) {
    await sleep(200)
    await restart(how)
  }
  await sleep(200)
  going = false
  await Promise.all(pushing)
  const rows = await ask(url, 'select vals[2]::int as n, count(*)::int as times from push_row group by 1')
  expect(rows.filter(({ times }) => times !== 1)).toEqual([])
  const kept = new Set(rows.map(({ n }) => n))
  expect([...answered].filter((n) => !kept.has(n))).toEqual([])
  expect(answered.size).toBeGreaterThan(50)
}, 60_000)

test('a push that is cut off anywhere, and made again with its key, is kept once', async () => {
  const direct = await newDatabase()
  await using proxy = await startCuttingProxy(server.port)
  await using opened = await openPostgresStore(direct.replace(String(server.port), String(proxy.port)), projectName())
  const { store } = opened
  await store.apply(definitionsOf('ada'))
  await store.push('taps', [{ id: 0, n: -1, at: new Date() }])
  const pushes = 40
  for (let n = 0; n < pushes; n++) {
    const rows = [{ id: n, n, at: new Date() }]
    const push = async (): Promise<unknown> => store.push('taps', rows, { idempotencyKey: `push ${n}` })
    proxy.cutAfter(n * 12)
    await push().catch(retryable)
    proxy.cutAfter(Infinity)
    await push()
  }
  expect(proxy.cuts).toBeGreaterThan(10)
  const rows = await ask(direct, 'select vals[2]::int as n, count(*)::int as times from push_row group by 1 order by 1')
  expect(rows).toEqual(Array.from({ length: pushes + 1 }, (_, i) => ({ n: i - 1, times: 1 })))
})

test('a push without a key that is cut off anywhere is not made again by us: it is kept once, or not', async () => {
  const direct = await newDatabase()
  await using proxy = await startCuttingProxy(server.port)
  await using opened = await openPostgresStore(direct.replace(String(server.port), String(proxy.port)), projectName())
  const { store } = opened
  await store.apply(definitionsOf('ada'))
  await store.push('taps', [{ id: 0, n: -1, at: new Date() }])
  const answered = [-1]
  for (let n = 0; n < 40; n++) {
    proxy.cutAfter(n * 12)
    await store.push('taps', [{ id: n, n, at: new Date() }]).then(() => answered.push(n), retryable)
    proxy.cutAfter(Infinity)
  }
  const rows = await ask(direct, 'select vals[2]::int as n, count(*)::int as times from push_row group by 1 order by 1')
  expect(rows.filter(({ times }) => times !== 1)).toEqual([])
  const kept = rows.map(({ n }) => n)
  expect(answered.filter((n) => !kept.includes(n))).toEqual([])
  // Some were cut off behind their commit.
  expect(kept.length).toBeGreaterThan(answered.length)
})

/** The owners that the newest version names, how many versions there are, and how many changes were counted: an apply counts one, in its last statement. */
async function registryOf(url: string): Promise<{ owners: string[]; versions: number; counted: number }> {
  const [row] = await ask(url, 'select definitions, version from registry_version order by version desc limit 1')
  const [counter] = await ask(url, `select value from counter where name = 'state'`)
  const owners = String(row?.['definitions']).match(/owner \d+/g) ?? []
  return {
    owners: [...new Set(owners)],
    versions: Number(row?.['version']),
    counted: Number(counter?.['value']),
  }
}

test('a server that restarts under an apply leaves it whole or not there, and it can be made again', async () => {
  const url = await newDatabase()
  await using opened = await openPostgresStore(url, projectName())
  const { store } = opened
  await store.apply(definitionsOf('owner 0'))
  const first = await registryOf(url)
  for (let n = 1; n <= 8; n++) {
    const applying = store.apply(definitionsOf(`owner ${n}`)).catch(retryable)
    await sleep(Math.random() * 12)
    await Promise.all([applying, restart(n % 2 === 0 ? 'fast' : 'immediate')])
    const left = await registryOf(url)
    expect([`owner ${n - 1}`, `owner ${n}`]).toContain(left.owners.join())
    expect(left.counted - first.counted).toBe(left.versions - first.versions)
    expect((await store.apply(definitionsOf(`owner ${n}`))).version).toBe(n + 1)
    expect(await registryOf(url)).toEqual({ owners: [`owner ${n}`], versions: n + 1, counted: first.counted + n })
  }
})

test('an apply that is cut off anywhere is whole or not there, and it can be made again', async () => {
  const direct = await newDatabase()
  await using proxy = await startCuttingProxy(server.port)
  await using opened = await openPostgresStore(direct.replace(String(server.port), String(proxy.port)), projectName())
  const { store } = opened
  await store.apply(definitionsOf('owner 0'))
  const first = await registryOf(direct)
  const kept = { there: 0, not: 0, again: 0 }
  let n = 0
  /** Whether an apply was cut off after so many bytes of answers. */
  const isCut = async (bytes: number): Promise<boolean> => {
    const cuts = proxy.cuts
    n += 1
    proxy.cutAfter(bytes)
    const told = await store.apply(definitionsOf(`owner ${n}`)).catch(retryable)
    const wasCut = proxy.cuts > cuts
    const { versions, counted } = await registryOf(direct)
    expect(counted - first.counted).toBe(versions - first.versions)
    if (wasCut) kept[told !== undefined ? 'again' : versions === n + 1 ? 'there' : 'not'] += 1
    proxy.cutAfter(Infinity)
    expect((await store.apply(definitionsOf(`owner ${n}`))).version).toBe(n + 1)
    expect(await registryOf(direct)).toEqual({ owners: [`owner ${n}`], versions: n + 1, counted: first.counted + n })
    return wasCut
  }
  let bytes = 0
  while (await isCut(bytes)) bytes += 250
  // Its commit is among the last that is said.
  for (let last = bytes - 500; last < bytes; last += 9) await isCut(last)
  expect(kept.there).toBeGreaterThan(0)
  expect(kept.again).toBeGreaterThan(0)
})

test('online reads go on while the metadata is away, by the last registry that was seen', async () => {
  const url = await newDatabase()
  const project = projectName()
  await using opened = await openPostgresStore(url, project)
  await using other = await openPostgresStore(url, project)
  const { store } = opened
  await store.apply(definitionsOf('ada'))
  await store.push('taps', [{ id: 1, n: 7, at: new Date() }])
  expect((await servedOf(store, 'tapped', 2))[1]).toBe(7)
  await using api = await startServer(store, {
    host: '127.0.0.1',
    port: 0,
    sql: false,
    roots: { dir: '/', dataRoots: [] },
    roles: ['api'],
  })
  const get = async (path: string): Promise<{ status: number; body: unknown }> => {
    const answer = await fetch(`${api.url}${path}`)
    return { status: answer.status, body: await answer.json() }
  }
  expect(await get('/readyz')).toMatchObject({ status: 200, body: { dependencies: { metadata: { ok: true } } } })
  await server.stop('immediate')
  try {
    const untilMs = performance.now() + 4_000
    let slowestMs = 0
    for (let asked = 0; performance.now() < untilMs; asked++) {
      const beganMs = performance.now()
      const answer = await get('/v1/online/tapped?id=1')
      expect(answer).toMatchObject({ status: 200, body: { features: { n: 7 } } })
      slowestMs = Math.max(slowestMs, performance.now() - beganMs)
      await sleep(5)
    }
    expect(slowestMs).toBeLessThan(1_000)
    expect(await get('/readyz')).toMatchObject({
      status: 200,
      body: { dependencies: { metadata: { ok: false, degraded: true }, online: { ok: true } } },
    })
    const pushed = await fetch(`${api.url}/v1/push/taps`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-timeout-ms': '300' },
      body: JSON.stringify({ rows: [{ id: 1, n: 8, at: new Date() }] }),
    })
    expect([503, 504]).toContain(pushed.status)
  } finally {
    await server.restart()
  }
  await other.store.apply(definitionsOf('grace'))
  await expect.poll(async () => JSON.stringify(await store.list('views')), { timeout: 5_000 }).toContain('grace')
  await store.push('taps', [{ id: 1, n: 9, at: new Date() }])
  expect((await servedOf(store, 'tapped', 2))[1]).toBe(9)
  expect(await get('/readyz')).toMatchObject({ status: 200, body: { dependencies: { metadata: { ok: true } } } })
}, 60_000)
