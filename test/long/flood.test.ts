// Beside other tests a flood is one of several, and what it does to a server cannot be told from what they do.
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { look, openServedShop, purchase } from '../server/served-shop.ts'
import { hammer, percentile } from '../support/hammer.ts'
import { scrape } from '../support/scrape.ts'

test(
  'a flood is shed, cheaply, so that online reads go on; afterwards all is as before',
  { timeout: 90_000 },
  async () => {
    const shop = await openServedShop()
    const server = await shop.serve()
    // Over connections that are there before the flood, as those of a service are: libuv accepts one connection in a turn of the
    // event loop, so that some hundred new ones at once wait for each other, and for as many turns, whoever they are of.
    const reading = hammer(server.url, 4, () => look(1))
    await setTimeout(1000)
    const floods = [
      hammer(server.url, 400, () => ({ method: 'GET', path: '/v1/views' })),
      hammer(server.url, 64, () => ({
        method: 'POST',
        path: '/v1/historical/snapshot',
        body: '{"features":"price","at":"2026-01-03"}',
      })),
      hammer(server.url, 32, () => purchase(1)),
    ]
    await setTimeout(3000)
    const before = reading.toll.latenciesMs.length
    await setTimeout(4000)
    await Promise.all([reading, ...floods].map((each) => each.stop()))
    expect([reading.toll.broken, reading.toll.refused]).toEqual([[], 0])
    expect([...reading.toll.statuses.keys()]).toEqual([200])
    // Far beyond what it is on a machine of its own, and within what a caller waits.
    expect(percentile(reading.toll.latenciesMs.slice(before), 99)).toBeLessThan(2000)
    for (const { toll } of floods) {
      expect([toll.broken, toll.refused]).toEqual([[], 0])
      expect([...toll.statuses.keys()].filter((status) => status !== 200 && status !== 503)).toEqual([])
      expect(toll.statuses.get(200)).toBeGreaterThan(0)
    }
    const after = await scrape(server.url)
    const sheds = after.samples.filter(({ name }) => name === 'provender_http_requests_shed_total')
    expect(sheds.reduce((sum, { value }) => sum + value, 0)).toBeGreaterThan(0)
    const refusals = after.samples.filter(({ labels }) => labels['code'] === '503' && labels['le'] === undefined)
    const sum = (suffix: string): number =>
      refusals.filter(({ name }) => name.endsWith(suffix)).reduce((total, { value }) => total + value, 0)
    // The bound that the design has for a refusal, of which most is what the scheduler takes.
    expect(sum('_seconds_sum') / sum('_seconds_count')).toBeLessThan(0.005)
    // It recovers by itself.
    await setTimeout(3000)
    const quiet = hammer(server.url, 2, () => ({ method: 'GET', path: '/v1/views' }))
    await setTimeout(500)
    await quiet.stop()
    expect([...quiet.toll.statuses.keys()]).toEqual([200])
    server.child.kill('SIGTERM')
    expect(await server.ended).toMatchObject({ exit: 0 })
    shop.folder.remove()
  },
)

test('a refusal names when to try again, before its body was read', { timeout: 90_000 }, async () => {
  const shop = await openServedShop()
  const server = await shop.serve()
  const flood = hammer(server.url, 500, () => ({ method: 'GET', path: '/v1/views' }))
  let refused: Response | undefined
  const endsAtMs = performance.now() + 60_000
  while (refused === undefined && performance.now() < endsAtMs) {
    const answer = await fetch(`${server.url}/v1/validate`, { method: 'POST', body: 'x'.repeat(100_000) })
    if (answer.status === 503) refused = answer
    else await answer.body?.cancel()
    await setTimeout(20)
  }
  await flood.stop()
  expect(refused?.headers.get('retry-after')).toBe('1')
  expect(await refused?.json()).toMatchObject({ code: 'OVERLOADED', status: 503 })
  // Probes are never refused.
  expect((await fetch(`${server.url}/livez`)).status).toBe(200)
  server.child.kill('SIGTERM')
  await server.ended
  shop.folder.remove()
})
