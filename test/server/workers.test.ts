import { connect, createServer } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../support/command-line.ts'
import { hammer } from '../support/hammer.ts'
import { scrape } from '../support/scrape.ts'
import { type ServedShop, type Serving, look, missing, openServedShop, purchases } from './served-shop.ts'

let shop: ServedShop
beforeAll(async () => {
  shop = await openServedShop()
})
afterAll(() => shop.folder.remove())

async function end(server: Serving): Promise<void> {
  server.child.kill('SIGTERM')
  expect((await server.ended).exit).toBe(0)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const probe = { route: '/livez', code: '200' }

describe('several workers', () => {
  test('answer as one: /metrics of any is that of all, also of those that died', { timeout: 60_000 }, async () => {
    const server = await shop.serve('--workers', '2')
    // A connection a request, so that each worker gets some.
    for (let i = 0; i < 10; i++) await fetch(`${server.url}/livez`, { headers: { connection: 'close' } })
    for (let i = 0; i < 3; i++) {
      const { valueOf } = await scrape(server.url)
      expect(valueOf('provender_http_requests_total', probe)).toBe(10)
      expect(valueOf('provender_server_processes')).toBe(2)
      expect(valueOf('provender_worker_restarts_total')).toBe(0)
      expect(valueOf('provender_build_info')).toBe(1)
      expect(valueOf('provender_feature_view_ttl_seconds', { feature_view: 'price' })).toBe(86_400)
    }
    const [first, second] = server.workers()
    process.kill(second ?? 0, 'SIGKILL')
    await expect.poll(server.said).toMatch(/^! Worker 2 \(process \d+\) was ended by SIGKILL; it is started again/)
    await expect
      .poll(async () => (await scrape(server.url)).valueOf('provender_server_processes'), { timeout: 20_000 })
      .toBe(2)
    const { valueOf } = await scrape(server.url)
    expect(valueOf('provender_http_requests_total', probe)).toBe(10)
    expect(valueOf('provender_worker_restarts_total')).toBe(1)
    expect(server.workers()[0]).toBe(first)
    await end(server)
  })

  test('work in the background once', async () => {
    const server = await shop.serve('--workers', '3')
    const sweeps = async (): Promise<number> =>
      (await scrape(server.url)).valueOf('provender_online_store_duration_seconds_count', { op: 'sweep' }) ?? 0
    // The view with a ttl is swept once in ten minutes by whoever works: in the first round, after two seconds.
    await expect.poll(sweeps, { timeout: 20_000 }).toBeGreaterThan(0)
    await setTimeout(3000)
    expect(await sweeps()).toBe(1)
    await end(server)
  })

  test('say what is wrong at the start, and leave nobody behind', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const address = taken.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const { exit, stdout } = await run(shop.folder.dir, ['serve', '--workers', '2', '--port', String(port), '--json'])
    expect([exit, JSON.parse(stdout)]).toEqual([
      2,
      expect.objectContaining({ code: 'USAGE', detail: expect.stringContaining(String(port)) as string }),
    ])
    taken.close()
  })

  test('treat the connections that they are given as their own', async () => {
    const server = await shop.serve('--workers', '2')
    const open = (text: string): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect(Number(new URL(server.url).port), '127.0.0.1', () => {
          socket.write(text)
          // A client that closes its half behind its request gets what is answered at once, as from any server of Node.
          if (text.endsWith('\r\n\r\n')) socket.end()
        })
        let said = ''
        socket.setEncoding('latin1').on('data', (chunk: string) => (said += chunk))
        socket.on('error', () => undefined).on('close', () => resolve(said))
      })
    const head = 'GET /livez HTTP/1.1\r\nhost: x\r\n'
    const [slow, closing] = await Promise.all([open(head), open(`${head}\r\n`)])
    expect(slow).toMatch(/^HTTP\/1\.1 504 .*DEADLINE_EXCEEDED/s)
    expect(closing).toMatch(/^HTTP\/1\.1 200 /)
    await end(server)
  })

  test('end when the primary is killed, so that it can be started again', async () => {
    const server = await shop.serve('--workers', '2')
    const workers = server.workers()
    server.child.kill('SIGKILL')
    await server.ended
    for (const pid of workers) await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false)
    await end(await shop.serve('--workers', '2', '--port', new URL(server.url).port))
  })

  test('are given up loudly when one dies again and again', { timeout: 120_000 }, async () => {
    const server = await shop.serve('--workers', '2')
    const before = new Set(server.workers())
    const steady = server.workers()[0] ?? 0
    let ended = false
    void server.ended.then(() => (ended = true))
    while (!ended) {
      for (const pid of server.child.exitCode === null ? server.workers() : [])
        if (pid !== steady) {
          before.add(pid)
          process.kill(pid, 'SIGKILL')
        }
      await setTimeout(50)
    }
    const { exit } = await server.ended
    expect([exit, server.said()]).toEqual([1, expect.stringContaining('the 6th time in a row') as string])
    expect(server.said()).toContain('WORKER_DIED')
    for (const pid of before) expect(() => process.kill(pid, 0)).toThrow(/ESRCH/)
  })
})

test('workers that are told to end one after another, under load, lose no request', { timeout: 60_000 }, async () => {
  const server = await shop.serve('--workers', '2')
  const pushes = hammer(server.url, 16, purchases())
  const reads = hammer(server.url, 16, () => look(1))
  const both = (): number => Math.min(pushes.answered(), reads.answered())
  for (const pid of server.workers()) {
    const at = both()
    await expect.poll(both, { timeout: 20_000 }).toBeGreaterThan(at + 200)
    process.kill(pid, 'SIGTERM')
    await expect.poll(server.workers, { timeout: 20_000 }).not.toContain(pid)
    await expect.poll(() => server.workers().length, { timeout: 20_000 }).toBe(2)
    // The new one has to be ready before the other may go.
    await expect
      .poll(async () => (await scrape(server.url)).valueOf('provender_server_processes'), { timeout: 20_000 })
      .toBe(2)
  }
  await Promise.all([pushes.stop(), reads.stop()])
  for (const { toll } of [pushes, reads]) {
    expect([toll.broken, toll.refused]).toEqual([[], 0])
    // A machine that others keep busy may shed a push.
    expect([...toll.statuses.keys()].filter((status) => status !== 200 && status !== 503)).toEqual([])
  }
  expect(await missing(server.url, pushes.toll.good)).toEqual([])
  await end(server)
})

describe('kill −9 under load', () => {
  test('of a worker fails what was in its hands, and nothing else', { timeout: 60_000 }, async () => {
    const server = await shop.serve('--workers', '2')
    const connections = 16
    const pushes = hammer(server.url, connections, purchases())
    const reads = hammer(server.url, connections, () => look(1))
    const both = (): number => Math.min(pushes.answered(), reads.answered())
    await expect.poll(both, { timeout: 20_000 }).toBeGreaterThan(300)
    process.kill(server.workers()[1] ?? 0, 'SIGKILL')
    await expect.poll(server.said).toContain('SIGKILL')
    const at = both()
    await expect.poll(both, { timeout: 20_000 }).toBeGreaterThan(at + 500)
    await Promise.all([pushes.stop(), reads.stop()])
    for (const { toll } of [pushes, reads]) {
      // One request a connection is in somebody's hands at a time.
      expect(toll.broken.length).toBeLessThanOrEqual(connections)
      expect([...toll.statuses.keys()].filter((status) => status !== 200 && status !== 503)).toEqual([])
    }
    expect(pushes.toll.broken.length + reads.toll.broken.length).toBeGreaterThan(0)
    expect(await missing(server.url, pushes.toll.good)).toEqual([])
    await expect.poll(() => server.workers().length, { timeout: 10_000 }).toBe(2)
    await end(server)
  })

  test('of workers leaves no connection behind that was on its way to one', { timeout: 60_000 }, async () => {
    const server = await shop.serve('--workers', '3')
    const fresh = hammer(server.url, 32, () => look(1), { keepAlive: false })
    for (let round = 0; round < 4; round++) {
      const at = fresh.answered()
      await expect.poll(() => fresh.answered(), { timeout: 20_000 }).toBeGreaterThan(at + 200)
      process.kill(server.workers()[round % 2] ?? 0, 'SIGKILL')
    }
    // Each of them comes to something: none waits for a worker that is dead.
    await fresh.stop()
    expect(fresh.toll.broken.length + fresh.toll.refused).toBeLessThanOrEqual(4 * 32)
    expect([...fresh.toll.statuses.keys()].filter((status) => status !== 200 && status !== 503)).toEqual([])
    await end(server)
  })

  test('of the one process loses no push that was acknowledged', { timeout: 60_000 }, async () => {
    for (let round = 0; round < 3; round++) {
      const server = await shop.serve()
      const pushes = hammer(server.url, 32, purchases())
      await expect.poll(() => pushes.answered(), { timeout: 20_000 }).toBeGreaterThan(200 + 100 * round)
      server.child.kill('SIGKILL')
      await server.ended
      await pushes.stop()
      expect(pushes.toll.broken.length).toBeLessThanOrEqual(32)
      const again = await shop.serve()
      // What was in the log and not online yet is brought there.
      await expect.poll(() => missing(again.url, pushes.toll.good), { timeout: 20_000 }).toEqual([])
      await end(again)
    }
  })
})
