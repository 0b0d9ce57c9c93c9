import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fail } from '../../src/kernel/errors.ts'
import { startServer } from '../../src/server/start.ts'
import { run } from '../support/command-line.ts'
import { scrape } from '../support/scrape.ts'
import { openBench } from './bench.ts'
import { type ServedShop, openServedShop } from './served-shop.ts'

let shop: ServedShop
beforeAll(async () => {
  shop = await openServedShop()
})
afterAll(() => shop.folder.remove())

interface Ready {
  readonly dependencies: Readonly<Record<string, { readonly ok: boolean; readonly detail?: string }>>
}

const readiness = async (url: string): Promise<readonly [number, Ready['dependencies']]> => {
  const answer = await fetch(`${url}/readyz`)
  return [answer.status, ((await answer.json()) as Ready).dependencies]
}

describe('--role', () => {
  test('worker has probes and no API, and works in the background', async () => {
    const server = await shop.serve('--role', 'worker', '--workers', '4')
    for (const path of ['/v1/views', '/v1/online/price?country=DE&shelf_no=1', '/openapi.json', '/docs', '/nothing']) {
      const answer = await fetch(`${server.url}${path}`)
      expect([path, answer.status, await answer.json()]).toEqual([
        path,
        404,
        expect.objectContaining({ code: 'UNKNOWN_ROUTE', detail: 'This process has the role worker and no API' }),
      ])
    }
    expect((await fetch(`${server.url}/livez`)).status).toBe(200)
    expect(Object.keys((await readiness(server.url))[1])).toContain('background')
    await expect
      .poll(async () => (await scrape(server.url)).valueOf('provender_online_store_duration_seconds_count'), {
        timeout: 15_000,
      })
      .toBeGreaterThan(0)
    expect(server.workers()).toEqual([])
    server.child.kill('SIGTERM')
    expect(await server.ended).toMatchObject({ exit: 0, stderr: '' })
  })

  test('api answers, and works for nobody', async () => {
    const server = await shop.serve('--role', 'api')
    expect((await fetch(`${server.url}/v1/views`)).status).toBe(200)
    const [status, dependencies] = await readiness(server.url)
    expect([status, Object.keys(dependencies).sort()]).toEqual([200, ['metadata', 'offline', 'online']])
    server.child.kill('SIGTERM')
    expect((await server.ended).exit).toBe(0)
  })

  test.each([
    ['stream', 3, 'UNSUPPORTED'],
    ['api,stream', 3, 'UNSUPPORTED'],
    ['waiter', 2, 'USAGE'],
  ])('%s is refused', async (roles, exit, code) => {
    const ended = await run(shop.folder.dir, ['serve', '--port', '0', '--json', '--role', roles])
    expect([ended.exit, JSON.parse(ended.stdout)]).toEqual([exit, expect.objectContaining({ code })])
  })
})

test('a worker whose work fails is not ready; one that answers too tells it, and is', async () => {
  await using bench = await openBench()
  let full = true
  const store = {
    ...bench.store,
    maintain: () => (full ? Promise.reject(fail('STORE_FULL', 'The disk is full')) : bench.store.maintain()),
  }
  const terms = {
    host: '127.0.0.1',
    port: 0,
    sql: false,
    roots: { dir: bench.dir, dataRoots: [] },
    backgroundMs: 5,
    logLevel: 'silent',
  } as const
  await using worker = await startServer(store, { ...terms, roles: ['worker'] })
  await using both = await startServer(store, terms)
  const failing = { ok: false, detail: 'The disk is full' }
  await expect.poll(async () => (await readiness(worker.url))[0]).toBe(503)
  expect((await readiness(worker.url))[1]).toMatchObject({ background: failing })
  await expect.poll(async () => (await readiness(both.url))[1]).toMatchObject({ background: failing })
  expect((await readiness(both.url))[0]).toBe(200)
  full = false
  await expect.poll(async () => (await readiness(worker.url))[0], { timeout: 20_000 }).toBe(200)
})

test('log lines say which worker wrote them', async () => {
  const own = await openServedShop()
  const server = await own.serve('--workers', '2')
  // Work in the background is that of the first, and now it fails.
  rmSync(join(own.folder.dir, '.provender/offline'), { recursive: true })
  await expect
    .poll(server.said, { timeout: 20_000 })
    .toMatch(/\{"level":50,[^\n]*"worker":1,[^\n]*Background work failed/)
  server.child.kill('SIGTERM')
  await server.ended
  own.folder.remove()
})
