import { setTimeout } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Admission, priorities } from '../../src/server/admission.ts'
import { hammer, percentile } from '../support/hammer.ts'
import { scrape } from '../support/scrape.ts'
import { look, openServedShop, purchase } from './served-shop.ts'

/** How many of a kind are let in when very many ask between two looks. */
function letIn(admission: Admission, priority: (typeof priorities)[number], asking = 500): number {
  let entered = 0
  for (let i = 0; i < asking; i++)
    if (admission.enter(priority)) {
      entered += 1
      admission.leave(priority)
    }
  return entered
}

describe('what is let in', () => {
  test('is all while the event loop is in time, and never nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2000 }), { minLength: 1, maxLength: 30 }), (delays) => {
        const admission = new Admission()
        for (const delayMs of delays) {
          for (const priority of priorities) expect(letIn(admission, priority)).toBeGreaterThan(0)
          admission.adapt(delayMs)
        }
        // Two looks a second: it recovers within ten seconds from whatever was.
        for (let i = 0; i < 20; i++) {
          for (const priority of priorities) letIn(admission, priority)
          admission.adapt(0)
        }
        for (const priority of priorities) expect(letIn(admission, priority)).toBe(500)
      }),
    )
  })

  test('falls to a few while the loop is late, the last kinds first', () => {
    for (const [delayMs, spared] of [
      [60, ['online', 'push', 'metadata']],
      [80, ['online', 'push']],
      [150, ['online']],
      [300, []],
    ] as const) {
      const admission = new Admission()
      for (let i = 0; i < 20; i++) {
        for (const priority of priorities) letIn(admission, priority)
        admission.adapt(delayMs)
      }
      const whole = priorities.filter((priority) => letIn(admission, priority) === 500)
      expect([delayMs, whole]).toEqual([delayMs, spared])
      if (delayMs === 300) {
        admission.adapt(delayMs)
        expect(priorities.map((priority) => letIn(admission, priority))).toEqual([100, 20, 30, 20])
      }
    }
  })

  test('is bounded by what is under way, and told', () => {
    const admission = new Admission()
    let entered = 0
    while (admission.enter('historical')) entered += 1
    expect([entered, admission.hasRoom('historical'), admission.hasRoom('online')]).toEqual([200, false, true])
    admission.leave('historical')
    expect(admission.enter('historical')).toBe(true)
    const [underway, shed] = admission
      .families()
      .map(({ values }) => values.find(({ labels }) => labels['priority'] === 'historical'))
    expect([underway?.value, shed?.value]).toEqual([200, 1])
  })
})

test(
  'a flood is shed, cheaply, so that online reads go on; afterwards all is as before',
  { timeout: 90_000 },
  async () => {
    const shop = await openServedShop()
    const server = await shop.serve()
    const reads = async (ms: number): Promise<number> => {
      const reading = hammer(server.url, 4, () => look(1))
      await setTimeout(ms)
      await reading.stop()
      expect([reading.toll.broken, reading.toll.refused]).toEqual([[], 0])
      expect([...reading.toll.statuses.keys()]).toEqual([200])
      return percentile(reading.toll.latenciesMs, 99)
    }
    await reads(1000)
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
    // Far beyond what it is on a machine of its own, and within what a caller waits.
    expect(await reads(4000)).toBeLessThan(2000)
    await Promise.all(floods.map((flood) => flood.stop()))
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

test('a refusal names when to try again, before its body was read', async () => {
  const shop = await openServedShop()
  const server = await shop.serve()
  const flood = hammer(server.url, 500, () => ({ method: 'GET', path: '/v1/views' }))
  let refused: Response | undefined
  const endsAtMs = performance.now() + 15_000
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
