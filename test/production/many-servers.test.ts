import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Blow, type Hammer, hammer } from '../support/hammer.ts'
import { scrape } from '../support/scrape.ts'
import { look, missing, purchases } from '../server/served-shop.ts'
import { type ApiServer, type ApiServers, openApiServers } from './api-servers.ts'

const definitions = `
entities:
  customer: { key: int64 }
sources:
  purchases: { type: push, timestamp: event_timestamp, schema: { customer: int64, amount: float64 } }
views:
  last_purchase: { entities: [customer], source: purchases, features: { amount: float64 } }
`

/** What an apply has to be served within by all servers. */
const appliedWithinMs = 2000
const connections = 12

let world: ApiServers
let [first, second]: ApiServer[] = []
beforeAll(async () => {
  world = await openApiServers(definitions, [
    ['--drain-wait', '1s'],
    ['--drain-wait', '1s'],
  ])
  ;[first, second] = world.servers
})
afterAll(() => world[Symbol.asyncDispose]())

const at = (server: ApiServer | undefined): string => server?.url ?? ''

async function post(url: string, body: unknown): Promise<unknown> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  expect(answer.status, await answer.clone().text()).toBe(200)
  return answer.json()
}

/** The definitions with a service of that name more. */
async function withService(name: string): Promise<object> {
  const answer = await fetch(`${world.url}/v1/registry`)
  const { definitions: now } = (await answer.json()) as { definitions: { services: object } }
  return { ...now, services: { ...now.services, [name]: { features: ['last_purchase:amount'] } } }
}

test('an apply on one server is served by the other within 2 s', async () => {
  await post(`${at(first)}/v1/push/last_purchase`, {
    rows: [{ customer: 0, amount: 7, event_timestamp: '2026-01-01T00:00:00Z' }],
  })
  for (const [i, [from, to]] of [
    [first, second],
    [second, first],
  ].entries()) {
    const served = async (url: string): Promise<number> =>
      (await fetch(`${url}/v1/online/model_${i}?customer=0`)).status
    expect(await served(at(to))).toBe(404)
    await post(`${at(from)}/v1/apply`, { definitions: await withService(`model_${i}`) })
    const appliedMs = performance.now()
    expect(await served(at(from))).toBe(200)
    await expect.poll(() => served(at(to)), { interval: 20, timeout: appliedWithinMs }).toBe(200)
    expect(performance.now() - appliedMs).toBeLessThan(appliedWithinMs)
  }
})

test('a push to one server is read from the other at once', async () => {
  for (let i = 1; i <= 20; i++) {
    const [to, from] = i % 2 === 0 ? [first, second] : [second, first]
    await post(`${at(to)}/v1/push/last_purchase`, {
      rows: [{ customer: -i, amount: i, event_timestamp: '2026-01-01T00:00:00Z' }],
    })
    const read = await fetch(`${at(from)}/v1/online/last_purchase?customer=${-i}`)
    expect(await read.json()).toMatchObject({ features: { amount: i } })
  }
})

const lookAtMany: Blow = {
  method: 'POST',
  path: '/v1/online',
  body: JSON.stringify({ features: 'last_purchase:amount', entities: { customer: [0, -1, -2, 99] } }),
}

/** Customers that no other load has pushed. */
let customers = 0
function newCustomers(): () => Blow {
  const from = purchases()
  for (let i = 0; i < customers; i++) from()
  return () => {
    customers += 1
    return from()
  }
}

interface Load {
  readonly reads: readonly Hammer[]
  readonly pushes: Hammer
  /** Waits until each kind of request was answered so many times more. */
  more(times: number): Promise<void>
  /** Sends no more. Every status but 200 and 503, and every connection that broke. */
  stop(): Promise<{ readonly reads: readonly unknown[]; readonly pushes: readonly unknown[] }>
}

function load(): Load {
  const one = hammer(world.url, connections, () => look(0))
  const many = hammer(world.url, connections, () => lookAtMany)
  const pushes = hammer(world.url, connections, newCustomers())
  const all = [one, many, pushes]
  const faults = ({ toll }: Hammer): unknown[] => [
    ...toll.broken,
    ...Array.from({ length: toll.refused }, () => 'refused'),
    // A machine that others keep busy may shed one.
    ...[...toll.statuses].flatMap(([status, count]) =>
      status === 200 || status === 503 ? [] : Array.from({ length: count }, () => status),
    ),
  ]
  return {
    reads: [one, many],
    pushes,
    async more(times) {
      const before = all.map((each) => each.answered())
      await expect
        .poll(() => Math.min(...all.map((each, i) => each.answered() - (before[i] ?? 0))), { timeout: 20_000 })
        .toBeGreaterThan(times)
    },
    async stop() {
      await Promise.all(all.map((each) => each.stop()))
      return { reads: [one, many].flatMap(faults), pushes: faults(pushes) }
    },
  }
}

/** Requests that a server has answered, probes aside. */
async function answeredBy(server: ApiServer | undefined): Promise<number> {
  const { samples } = await scrape(at(server))
  return samples
    .filter(({ name, labels }) => name === 'provender_http_requests_total' && labels['route']?.startsWith('/v1/'))
    .reduce((sum, { value }) => sum + value, 0)
}

describe.each([
  ['the first', () => [first, second] as const],
  ['the second', () => [second, first] as const],
])('under load through nginx, %s server', (_, pair) => {
  test('is told to end: no request fails, and it takes load again once it is back', async () => {
    const [ended] = pair()
    const loaded = load()
    await loaded.more(100)
    expect(await ended?.end('SIGTERM')).toBe(0)
    await loaded.more(200)
    await ended?.start()
    await expect.poll(() => answeredBy(ended), { timeout: 20_000 }).toBeGreaterThan(100)
    const faults = await loaded.stop()
    expect([faults.reads, faults.pushes], world.complaints()).toEqual([[], []])
    expect(await missing(world.url, loaded.pushes.toll.good)).toEqual([])
  })

  test('is killed: no read fails, and of the pushes only those in its hands', async () => {
    const [killed, other] = pair()
    const loaded = load()
    await loaded.more(100)
    await killed?.end('SIGKILL')
    await loaded.more(200)
    await killed?.start()
    await expect.poll(() => answeredBy(killed), { timeout: 20_000 }).toBeGreaterThan(100)
    const faults = await loaded.stop()
    expect(faults.reads, world.complaints()).toEqual([])
    // Each of nginx' connections to it had one at most: those that it worked on, and those that it would have heard of next.
    expect(faults.pushes.length).toBeLessThanOrEqual(2 * connections)
    expect([...new Set(faults.pushes)].every((fault) => fault === 502)).toBe(true)
    expect(await missing(at(other), loaded.pushes.toll.good)).toEqual([])
  })
})
