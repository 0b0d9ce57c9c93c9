import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { routes } from '../../src/contract/routes.ts'
import { requestLimitsOf } from '../../src/define/request-limits.ts'
import { timeLeftMs } from '../../src/server/request-call.ts'
import { type Bench, openBench, problemOf } from './bench.ts'

const limits = requestLimitsOf({
  jsonBodyBytes: 2048,
  jsonDepth: 6,
  spineBytes: 1024,
  batchRows: 3,
  jsonTableChars: 1024,
  historicalReads: 1,
  historicalWaiting: 0,
  longestTimeoutMs: 30_000,
  bodyMs: 150,
  uploadIdleMs: 150,
  downloadIdleMs: 300,
})

describe('limits that are set lower', () => {
  let bench: Bench
  beforeAll(async () => {
    bench = await openBench({ limits, sql: true })
  })
  afterAll(async () => bench[Symbol.asyncDispose]())

  const row = { driver_id: 1, tapped_at: '2026-03-09' }
  const entity = { airport: 'ORD' }
  const csv = { 'content-type': 'text/csv' }
  const lines = `airport,event_timestamp\n${'ORD,2026-03-09\n'.repeat(100)}`

  test.each<[string, string, string | object, Record<string, string>, number]>([
    ['jsonBodyBytes', '/v1/push/taps', { rows: [{ ...row, label: 'x'.repeat(2048) }] }, {}, 413],
    ['jsonBodyBytes', '/v1/plan', `# ${'x'.repeat(2048)}`, { 'content-type': 'application/yaml' }, 413],
    ['jsonDepth', '/v1/push/taps', { rows: [{ label: [[[[[]]]]] }] }, {}, 400],
    ['spineBytes', '/v1/historical?features=airport_delays', lines, csv, 413],
    ['spineBytes', '/v1/historical?features=airport_delays', lines, { ...csv, 'transfer-encoding': 'chunked' }, 413],
    ['batchRows', '/v1/push/taps', { rows: [row, row, row, row] }, {}, 413],
    ['batchRows', '/v1/online', { features: 'airport_delays', entities: Array(4).fill(entity) }, {}, 413],
    ['batchRows', '/v1/online', { features: 'airport_delays', entities: { airport: Array(4).fill('ORD') } }, {}, 413],
    [
      'jsonTableChars',
      '/v1/historical/events',
      { features: 'airport_delays', start: '2026-01-01', end: '2027-01-01' },
      {},
      413,
    ],
    ['longestTimeoutMs', '/v1/maintain', {}, { 'x-timeout-ms': '30001' }, 400],
  ])('%s: %s is refused by its name and value', async (name, path, ...[body, headers, status]) => {
    const problem = problemOf(await bench.ask('POST', path, { body, headers }))
    expect(problem.status).toBe(status)
    expect(problem.detail).toContain(`${limits[name as 'batchRows']} (server.limits.${name})`)
  })

  test('what is as large as they allow is taken', async () => {
    expect((await bench.ask('POST', '/v1/push/taps', { body: { rows: [row, row, row] } })).status).toBe(200)
    expect(
      (await bench.ask('POST', '/v1/online', { body: { features: 'airport_delays', entities: Array(3).fill(entity) } }))
        .status,
    ).toBe(200)
    const body = `{"rows":[]}${' '.repeat(2048 - 11)}`
    expect((await bench.ask('POST', '/v1/push/taps', { body })).status).toBe(200)
    expect((await bench.ask('POST', '/v1/push/taps', { body: `${body} ` })).status).toBe(413)
  })

  test.each([
    ['bodyMs', '/v1/push/taps', 'application/json'],
    ['uploadIdleMs', '/v1/historical?features=airport_delays', 'text/csv'],
  ])('%s: a body that stands still is given up', async (name, path, type) => {
    const socket = connect(Number(new URL(bench.server.url).port), '127.0.0.1')
    socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\ncontent-length: 100\r\n\r\n{`)
    const [answer] = (await once(socket.setEncoding('utf8'), 'data')) as [string]
    expect(answer).toMatch(/^HTTP\/1\.1 504 /)
    expect(answer).toContain(`150 (server.limits.${name})`)
    socket.destroy()
  })

  test('downloadIdleMs: an answer that nobody reads is given up, and its turn with it', async () => {
    const holding = request(`${bench.server.url}/v1/historical`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/csv' },
    })
    holding.on('error', () => undefined)
    const sql = `SELECT 'ORD' AS airport, TIMESTAMP '2026-03-09' AS event_timestamp, repeat('x', 1000) AS note FROM range(100000)`
    holding.end(JSON.stringify({ features: 'airport_delays', spine: { sql } }))
    const [response] = (await once(holding, 'response')) as [NodeJS.EventEmitter]
    response.on('error', () => undefined)
    const ask = () =>
      bench.ask('POST', '/v1/historical/snapshot', { body: { features: 'airport_delays', at: '2026-03-10' } })
    expect((await ask()).status).toBe(503)
    await expect.poll(async () => (await ask()).status, { timeout: 10_000 }).toBe(200)
    holding.destroy()
  })
})

describe('deadlines', () => {
  const own = requestLimitsOf({ onlineTimeoutMs: 77, otherTimeoutMs: 88 })
  const now = performance.now() + 1000

  test('are those of the settings where a request brings none', () => {
    expect(timeLeftMs(routes.online, own, {}, now)).toBe(77)
    expect(timeLeftMs(routes.onlineOne, own, {}, now)).toBe(77)
    expect(timeLeftMs(routes.push, own, {}, now)).toBe(88)
    expect(timeLeftMs(routes.readyz, own, {}, now)).toBe(2000)
    expect(timeLeftMs(routes.materialize, own, {}, now)).toBeUndefined()
  })

  test('are those of the request, less what went by', () => {
    const left = timeLeftMs(routes.online, own, { 'x-timeout-ms': '5000' }, performance.now() - 1000)
    expect(left).toBeGreaterThan(3900)
    expect(left).toBeLessThanOrEqual(4000)
  })
})

test('limits that are set higher are higher for the store behind the server too', async () => {
  await using bench = await openBench({ limits: { batchRows: 12_000, jsonDepth: 64 } })
  const rows = Array.from({ length: 10_001 }, (_, i) => ({ driver_id: i, tapped_at: '2026-03-09' }))
  expect((await bench.ask('POST', '/v1/push/taps', { body: { rows } })).json).toMatchObject({ accepted: 10_001 })
  const entities = rows.map(({ driver_id }) => ({ driver_id }))
  const answer = await bench.ask('POST', '/v1/online', { body: { features: 'taps_seen:label', entities } })
  expect((answer.json as { rows: object[] }).rows).toHaveLength(10_001)
  // A row that was let in so deep is kept, and listed, and tried again.
  const deep = `${'['.repeat(60)}1${']'.repeat(60)}`
  const refused = await bench.ask('POST', '/v1/push/taps', { body: `{"rows":[{"driver_id":${deep}}]}` })
  expect(problemOf(refused).status).toBe(400)
  expect((await bench.ask('GET', '/v1/dead-letters?source=taps')).text).toContain(deep)
  expect((await bench.ask('POST', '/v1/dead-letters/replay')).json).toEqual({ replayed: 1, accepted: 0, rejected: 1 })
})
