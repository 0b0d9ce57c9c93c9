import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Histogram, SeriesBudget } from '../../src/server/metric-family.ts'
import { openMetrics } from '../../src/server/metrics.ts'
import { startServer } from '../../src/server/start.ts'
import { type Scrape, parseScrape, scrape } from '../support/scrape.ts'
import { type Bench, openBench } from './bench.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(async () => bench[Symbol.asyncDispose]())

const page = readFileSync(new URL('../../docs/reference/metrics.md', import.meta.url), 'utf8')
const rows = [...page.matchAll(/^\| `(\w+)` \| (\w+) \| ([\w, ]*)\|/gm)].map(
  ([, name = '', type = '', labels = '']) => ({
    name,
    type,
    labels: labels
      .split(',')
      .map((label) => label.trim())
      .filter((label) => label !== ''),
  }),
)

/** What only several processes have; another test looks at it. */
const ofWorkers = new Set(['provender_worker_restarts_total'])

const now = (): Promise<Scrape> => scrape(bench.server.url)

describe('/metrics', () => {
  test('has every metric of its page, and no other, with type and labels', async () => {
    await bench.ask('GET', '/v1/online/airport_delays?airport=ORD')
    await bench.ask('POST', '/v1/push/taps', { body: { rows: [{ driver_id: 1, tapped_at: '2026-03-09' }] } })
    await bench.ask('POST', '/v1/materialize?wait=true', { body: { views: ['route_stats'] } })
    const { samples, types } = await now()
    expect(rows.length).toBeGreaterThan(25)
    expect([...types.keys()].sort()).toEqual(
      rows
        .map(({ name }) => name)
        .filter((name) => !ofWorkers.has(name))
        .sort(),
    )
    for (const { name, type, labels } of rows.filter((row) => !ofWorkers.has(row.name))) {
      expect([name, types.get(name)]).toEqual([name, type])
      const own = samples.filter(
        (each) => each.name.replace(/_(?:bucket|sum|count)$/, '') === name || each.name === name,
      )
      // Which views promise freshness, and which have a ttl, is up to them.
      if (!/freshness|ttl/.test(name)) expect([name, own.length > 0]).toEqual([name, true])
      for (const each of own)
        expect([
          name,
          Object.keys(each.labels)
            .filter((label) => label !== 'le')
            .sort(),
        ]).toEqual([name, [...labels].sort()])
    }
    // What the page asks is there to be asked.
    for (const [name] of page.matchAll(/provender_\w+/g))
      expect([...types.keys(), ...ofWorkers]).toContain(name.replace(/_bucket$/, ''))
  })

  test('answers by the content type of Prometheus, whatever is accepted', async () => {
    const accept = 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1'
    const answer = await bench.ask('GET', '/metrics', { headers: { accept } })
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
  })

  test('begins at 0 what is known', async () => {
    await using other = await openBench()
    const { valueOf } = await scrape(other.server.url)
    const route = { route: '/v1/online/{reference}', code: '200' }
    expect(valueOf('provender_http_requests_total', route)).toBe(0)
    expect(valueOf('provender_http_request_duration_seconds_bucket', { ...route, le: '0.0001' })).toBe(0)
    for (const status of ['present', 'null', 'not_found', 'expired'])
      expect(valueOf('provender_online_feature_values_total', { feature_view: 'taps_seen', status })).toBe(0)
    for (const source of ['taps', 'taps_seen'])
      for (const result of ['accepted', 'superseded', 'rejected'])
        expect(valueOf('provender_ingest_rows_total', { source, result })).toBe(0)
    expect(valueOf('provender_materialization_runs_total', { feature_view: 'airport_delays', status: 'failed' })).toBe(
      0,
    )
  })

  test('counts requests by route, method and code, and tells no path', async () => {
    const before = await now()
    for (const airport of ['ORD', 'LGA', 'nowhere'])
      await bench.ask('GET', `/v1/online/airport_delays?airport=${airport}`)
    await bench.ask('GET', '/v1/online/airport_delays')
    await bench.ask('GET', '/secret-path')
    await bench.ask('DELETE', '/livez')
    const after = await now()
    const more = (labels: Record<string, string>): number =>
      (after.valueOf('provender_http_requests_total', labels) ?? 0) -
      (before.valueOf('provender_http_requests_total', labels) ?? 0)
    const route = '/v1/online/{reference}'
    expect(more({ route, method: 'GET', code: '200' })).toBe(3)
    expect(more({ route, method: 'GET', code: '400' })).toBe(1)
    expect(more({ route: 'unrouted', code: '404' })).toBe(1)
    expect(more({ route: 'unrouted', code: '405' })).toBe(1)
    const labels = after.samples.flatMap((each) => Object.values(each.labels))
    expect(labels.filter((label) => /secret|ORD|LGA/.test(label))).toEqual([])
    const count = after.valueOf('provender_http_request_duration_seconds_count', { route, code: '200' })
    expect(count).toBe(after.valueOf('provender_http_requests_total', { route, code: '200' }))
    expect(after.valueOf('provender_http_request_duration_seconds_bucket', { route, code: '200', le: '+Inf' })).toBe(
      count,
    )
    expect(after.valueOf('provender_http_requests_underway', { priority: 'online' })).toBe(0)
  })

  test('counts pushed rows by what became of them, those of a push refused as a whole too', async () => {
    const before = await now()
    const push = (target: string, rows: unknown[]) => bench.ask('POST', `/v1/push/${target}`, { body: { rows } })
    const row = { driver_id: 7, tapped_at: '2026-03-09T10:00:00Z' }
    await push('taps', [row, { ...row, unknown: 1 }])
    await push('taps', [{ ...row, tapped_at: '2026-03-08T10:00:00Z' }])
    expect((await push('taps', [{}, {}, {}])).status).toBe(400)
    expect((await push('nothing_of_that_name', [row])).status).toBe(404)
    const after = await now()
    const more = (result: string): number =>
      (after.valueOf('provender_ingest_rows_total', { source: 'taps', result }) ?? 0) -
      (before.valueOf('provender_ingest_rows_total', { source: 'taps', result }) ?? 0)
    expect([more('accepted'), more('superseded'), more('rejected')]).toEqual([1, 1, 4])
    expect(after.samples.filter((each) => each.labels['source'] === 'nothing_of_that_name')).toEqual([])
  })

  test('tells of materializations, and how views stand', async () => {
    const answer = await bench.ask('POST', '/v1/materialize?wait=true', {
      body: { views: ['airport_delays'], repair: true },
    })
    expect(answer.status).toBe(200)
    const { valueOf } = await now()
    const view = { feature_view: 'airport_delays' }
    expect(valueOf('provender_materialization_runs_total', { ...view, status: 'succeeded' })).toBe(1)
    expect(valueOf('provender_materialization_duration_seconds_count', { ...view, status: 'succeeded' })).toBe(1)
    expect(valueOf('provender_materialization_rows_total', view)).toBeGreaterThan(0)
    expect(valueOf('provender_feature_view_ttl_seconds', view)).toBe(2 * 86_400)
    expect(valueOf('provender_feature_view_max_event_timestamp_seconds', view)).toBe(
      Date.parse('2026-03-09T23:00:00Z') / 1000,
    )
    const todayS = Date.parse('2026-03-10T00:00:00Z') / 1000
    expect(valueOf('provender_materialization_last_success_timestamp_seconds', view)).toBeCloseTo(todayS, 0)
    expect(valueOf('provender_push_log_caught_up_timestamp_seconds', view)).toBe(todayS)
  })

  test('answers within its bound though the store hangs, with what it said last', async () => {
    let hangs = false
    const { telemetry } = bench.store
    if (telemetry === undefined) throw new Error('The store of this process has no telemetry')
    const store = {
      ...bench.store,
      telemetry: {
        ...telemetry,
        standing: (options: Parameters<typeof telemetry.standing>[0]) =>
          hangs ? new Promise<never>(() => undefined) : telemetry.standing(options),
      },
    }
    const terms = { host: '127.0.0.1', port: 0, sql: false, roots: { dir: bench.dir, dataRoots: [] } }
    await using server = await startServer(store, { ...terms, logLevel: 'silent' })
    const name = 'provender_feature_view_ttl_seconds'
    const first = (await scrape(server.url)).valueOf(name)
    hangs = true
    for (let i = 0; i < 2; i++) {
      const startedMs = performance.now()
      expect((await scrape(server.url)).valueOf(name)).toBe(first)
      expect(performance.now() - startedMs).toBeLessThan(5000)
    }
  })
})

test('series beyond the budget are counted, not told, and cost no error', async () => {
  const budget = new SeriesBudget(9)
  const metrics = openMetrics('p', budget)
  for (let i = 0; i < 5; i++) metrics.pushed(`s${i}`, { accepted: 1, superseded: 1, rejected: 1 })
  metrics.pushed('s4', { accepted: 1, superseded: 1, rejected: 1 })
  const rows = metrics.families().find(({ name }) => name === 'provender_ingest_rows_total')
  expect(rows?.values.map(({ labels }) => labels['source'])).toEqual([
    's0',
    's0',
    's0',
    's1',
    's1',
    's1',
    's2',
    's2',
    's2',
  ])
  expect(budget.family().values).toEqual([{ labels: {}, value: 6 }])
})

test('a histogram counts as one that sorts by hand', () => {
  const bounds = [0.1, 1, 10]
  const histogram = new Histogram(bounds)
  const values = [0, 0.1, 0.10001, 1, 5, 10, 11, 1e9]
  for (const value of values) histogram.add(value)
  const told = Object.fromEntries(
    histogram
      .values('m', {})
      .map(({ metricName, labels, value }) => [`${metricName ?? ''} ${labels['le'] ?? ''}`, value]),
  )
  const below = (bound: number): number => values.filter((value) => value <= bound).length
  expect(told).toEqual({
    'm_bucket 0.1': below(0.1),
    'm_bucket 1': below(1),
    'm_bucket 10': below(10),
    'm_bucket +Inf': values.length,
    'm_sum ': values.reduce((sum, each) => sum + each, 0),
    'm_count ': values.length,
  })
})

test('counting a request costs far less than a microsecond', () => {
  const metrics = openMetrics('p', new SeriesBudget(10))
  const times = 300_000
  const cost = (): number => {
    const { user } = process.cpuUsage()
    for (let i = 0; i < times; i++) metrics.observe('onlineOne', 200, 0.0003)
    return ((process.cpuUsage().user - user) * 1000) / times
  }
  cost()
  // Processor time, and the best of three: others may use this machine.
  expect(Math.min(cost(), cost(), cost())).toBeLessThan(500)
})

test('the text is what Prometheus reads', async () => {
  const text = (await bench.ask('GET', '/metrics')).text
  expect(parseScrape(text).samples.length).toBeGreaterThan(100)
  const series = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.replace(/ \S+$/, ''))
  expect(new Set(series).size).toBe(series.length)
})
