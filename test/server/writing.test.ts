import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Run } from '../../src/contract/store.ts'
import { type Bench, openBench, problemOf, today } from './bench.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(async () => bench[Symbol.asyncDispose]())

const push = (target: string, body: unknown, headers: Record<string, string> = {}) =>
  bench.ask('POST', `/v1/push/${target}`, { body, headers })
const delayOf = async (airport: string) =>
  (await bench.ask('GET', `/v1/online/airport_delays:delay?airport=${airport}`)).json

describe('push', () => {
  const row = { airport: 'MIA', delay: 7, miles: 1.5, landed_at: '2026-03-09T10:00:00Z' }

  test('takes rows of a view, keeps the good ones, says what is wrong with the others', async () => {
    const older = { ...row, landed_at: '2026-03-09T09:00:00Z' }
    const rows = [
      row,
      older,
      { ...row, airport: null },
      { ...row, delay: '7' },
      'row',
      { ...row, dely: 1 },
      { ...row, landed_at: '2026-03-10T00:05:01Z' },
    ]
    const answer = await push('airport_delays', { rows })
    expect(answer.status).toBe(200)
    expect(answer.json).toEqual({
      accepted: 1,
      superseded: 1,
      rejected: [
        { row: 2, code: 'NULL_KEY', detail: expect.any(String) as string },
        { row: 3, code: 'BAD_VALUE', detail: expect.stringContaining('delay') as string },
        { row: 4, code: 'BAD_VALUE', detail: expect.any(String) as string },
        { row: 5, code: 'UNKNOWN_COLUMN', detail: expect.stringContaining('dely') as string },
        { row: 6, code: 'FUTURE_TIME', detail: expect.any(String) as string },
      ],
    })
    expect(await delayOf('MIA')).toMatchObject({ features: { delay: 7 } })
  })

  test('takes only what JSON says, not what JavaScript would make of it', async () => {
    const problem = problemOf(await push('airport_delays', { rows: [{ ...row, landed_at: 1_773_050_400_000_000 }] }))
    expect([problem.code, problem.at]).toEqual(['BAD_VALUE', '/rows/0/landed_at'])
    const micros = problemOf(
      await bench.ask('POST', '/v1/push/airport_delays', {
        body: `{"rows":[{"airport":"MIA","landed_at":9007199254740993}]}`,
      }),
    )
    expect(micros.code).toBe('BAD_VALUE')
  })

  test('is safe to repeat with a key', async () => {
    const once = { rows: [{ ...row, airport: 'JFK' }] }
    const first = await push('airport_delays', once, { 'idempotency-key': 'k-1' })
    const second = await push('airport_delays', once, { 'idempotency-key': 'k-1' })
    expect([first.text, second.text]).toEqual(['{"accepted":1,"superseded":0,"rejected":[]}', first.text])
    const other = problemOf(await push('airport_delays', { rows: [row] }, { 'idempotency-key': 'k-1' }))
    expect([other.status, other.code]).toEqual([409, 'IDEMPOTENCY_MISMATCH'])
    expect(problemOf(await push('airport_delays', once, { 'idempotency-key': 'k'.repeat(256) }))).toMatchObject({
      status: 400,
      at: 'idempotency-key',
    })
  })

  test('goes online, offline, or both', async () => {
    await push('airport_delays', { rows: [{ ...row, airport: 'off' }], to: 'offline' })
    expect(await delayOf('off')).toMatchObject({ statuses: { delay: 'NOT_FOUND' } })
    await push('airport_delays', { rows: [{ ...row, airport: 'on' }], to: 'online' })
    expect(await delayOf('on')).toMatchObject({ features: { delay: 7 } })
    const refused = problemOf(await push('archive', { rows: [row], to: 'online' }))
    expect([refused.status, refused.code]).toEqual([400, 'NOT_ONLINE'])
  })

  test('takes no rows at all', async () => {
    expect((await push('taps', { rows: [] })).text).toBe('{"accepted":0,"superseded":0,"rejected":[]}')
  })

  test.each<[string, string, unknown, number, string, string | undefined]>([
    ['an unknown target', 'airport_delay', { rows: [row] }, 404, 'UNKNOWN_NAME', undefined],
    ['rows that are none', 'airport_delays', { rows: {} }, 400, 'BAD_REQUEST', '/rows'],
    ['no rows', 'airport_delays', {}, 400, 'BAD_REQUEST', '/rows'],
    ['another place', 'airport_delays', { rows: [row], to: 'nowhere' }, 400, 'BAD_REQUEST', '/to'],
    ['only bad rows', 'airport_delays', { rows: [{}, {}] }, 400, 'MISSING_KEY', '/rows/0'],
    ['too many rows', 'airport_delays', { rows: Array(10_001).fill(row) }, 413, 'PAYLOAD_TOO_LARGE', '/rows'],
  ])('refuses %s', async (_, ...[target, body, status, code, at]) => {
    const problem = problemOf(await push(target, body))
    expect([problem.status, problem.code]).toEqual([status, code])
    if (at !== undefined) expect(problem.at).toBe(at)
  })
})

describe('dead letters', () => {
  interface Letters {
    readonly deadLetters: readonly {
      readonly id: string
      readonly source: string
      readonly row: unknown
      readonly code: string
    }[]
    readonly next?: string
  }
  const list = async (query = '') => (await bench.ask('GET', `/v1/dead-letters${query}`)).json as Letters

  test('are listed as they were sent, however deep', async () => {
    const deep = `${'['.repeat(29)}9007199254740993${']'.repeat(29)}`
    await bench.ask('POST', '/v1/push/taps_seen', { body: `{"rows":[{"driver_id":${deep}}]}` }).then(problemOf)
    const { text } = await bench.ask('GET', '/v1/dead-letters?source=taps_seen')
    expect(text).toContain(`"row":{"driver_id":${deep}}`)
  })

  test('are listed by source and page by page', async () => {
    await push('taps', { rows: [{ driver_id: 1, tapped_at: today }, { driver_id: 2 }, { driver_id: null }] })
    const first = await list('?source=taps&limit=1')
    expect(first.deadLetters).toMatchObject([{ source: 'taps', row: { driver_id: 2 }, code: 'NULL_TIMESTAMP' }])
    const second = await list(`?source=taps&limit=1&after=${first.next}`)
    expect([second.deadLetters[0]?.row, second.next]).toEqual([{ driver_id: null }, undefined])
    expect((await list('?limit=2')).deadLetters.map(({ source }) => source)).toEqual([
      'airport_delays',
      'airport_delays',
    ])
  })

  test('are replayed: what is good now leaves the list', async () => {
    const soon = { driver_id: 5, tapped_at: '2026-03-10T01:00:00Z' }
    await push('taps', { rows: [soon, { ...soon, driver_id: 'x' }] })
    const before = await list('?source=taps')
    bench.clock.set(bench.clock.now() + 3_600_000_000n)
    const ids = before.deadLetters.slice(-2).map(({ id }) => id)
    expect((await bench.ask('POST', '/v1/dead-letters/replay', { body: { ids } })).json).toEqual({
      replayed: 2,
      accepted: 1,
      rejected: 1,
    })
    expect((await list('?source=taps')).deadLetters).toHaveLength(before.deadLetters.length - 1)
    expect((await bench.ask('POST', '/v1/dead-letters/replay', { body: { source: 'taps' } })).json).toMatchObject({
      accepted: 0,
    })
    // Without a source all are tried: one of those above lay too far ahead, and does not any more.
    expect((await bench.ask('POST', '/v1/dead-letters/replay')).json).toMatchObject({ accepted: 1 })
  })

  test('refuses a limit out of range', async () => {
    for (const limit of ['0', '1001', '-1', 'x'])
      expect(problemOf(await bench.ask('GET', `/v1/dead-letters?limit=${limit}`)).status).toBe(400)
  })
})

describe('delete', () => {
  const remove = (path: string) => bench.ask('DELETE', `/v1/online/${path}`)

  test('takes an entity out, once', async () => {
    expect((await remove('airport_delays?airport=DEN')).text).toBe('{"deleted":true}')
    expect((await remove('airport_delays?airport=DEN')).text).toBe('{"deleted":false}')
    expect(await delayOf('DEN')).toMatchObject({ statuses: { delay: 'NOT_FOUND' } })
    const body = {
      features: 'airport_delays:delay',
      spine: { rows: [{ airport: 'DEN', event_timestamp: '2026-03-10T02:00:00Z' }] },
    }
    expect((await bench.ask('POST', '/v1/historical', { body })).json).toMatchObject({ columns: { delay: [null] } })
  })

  test('takes an instant: a later row stays', async () => {
    expect((await remove('airport_delays?airport=SFO&_at=2026-03-01')).text).toBe('{"deleted":false}')
    expect(await delayOf('SFO')).toMatchObject({ features: { delay: 48 } })
  })

  test('reads keys by their types', async () => {
    await push('taps_seen', { rows: [{ driver_id: 77, tapped_at: today }] })
    expect((await remove('taps_seen?driver_id=77')).text).toBe('{"deleted":true}')
  })

  test.each([
    ['airport_delay?airport=DEN', 404, 'UNKNOWN_NAME'],
    ['airport_delays', 400, 'MISSING_KEY'],
    ['airport_delays?airprt=DEN', 400, 'UNKNOWN_COLUMN'],
    ['airport_delays?airport=DEN&_at=soon', 400, 'BAD_VALUE'],
    ['airport_delays?airport=DEN&_at=2026-03-11', 400, 'FUTURE_TIME'],
    ['airport_delays?airport=DEN&_when=x', 400, 'UNKNOWN_MEMBER'],
    ['taps_seen?driver_id=x', 400, 'BAD_VALUE'],
  ])('refuses %s', async (path, status, code) => {
    expect(problemOf(await remove(path))).toMatchObject({ status, code })
  })
})

describe('materialize and runs', () => {
  const materialize = (body?: unknown, query = '') => bench.ask('POST', `/v1/materialize${query}`, { body })
  const runOf = async (id: string) => (await bench.ask('GET', `/v1/runs/${id}`)).json as Run

  test('starts runs and answers at once; who left does not end them', async () => {
    const answer = await materialize({ views: ['airport_delays'], start: '2026-03-01', end: '2026-03-02' })
    expect(answer.status).toBe(202)
    const { runs } = answer.json as { runs: Run[] }
    expect(runs).toMatchObject([
      { kind: 'materialize', view: 'airport_delays', interval: ['2026-03-01T00:00:00Z', '2026-03-02T00:00:00Z'] },
    ])
    await expect.poll(async () => (await runOf(runs[0]?.id ?? '')).state, { timeout: 10_000 }).toBe('succeeded')
  })

  test('waits where it is asked to', async () => {
    const answer = await materialize(undefined, '?wait=true')
    expect(answer.status).toBe(200)
    const { runs } = answer.json as { runs: Run[] }
    expect(runs.map(({ view, state }) => [view, state])).toEqual([
      ['airport_delays', 'succeeded'],
      ['route_stats', 'succeeded'],
      ['taps_seen', 'succeeded'],
    ])
    const listed = (await bench.ask('GET', '/v1/runs?view=taps_seen&state=succeeded&limit=1')).json as { runs: Run[] }
    expect(listed.runs.map(({ id }) => id)).toEqual([runs[2]?.id])
  })

  test('cancels a run, also one that has ended', async () => {
    const { runs } = (await materialize({ views: ['route_stats'] }, '?wait=true')).json as { runs: Run[] }
    const id = runs[0]?.id ?? ''
    expect((await bench.ask('POST', `/v1/runs/${id}/cancel`)).json).toMatchObject({ id, state: 'succeeded' })
    expect((await bench.ask('POST', `/v1/runs/${id}/cancel`, { body: {} })).status).toBe(200)
  })

  test('a run that somebody waits for ends when they go away', async () => {
    const headers = { 'content-type': 'application/json' }
    const sending = request(`${bench.server.url}/v1/materialize?wait=true`, { method: 'POST', headers })
    const gone = new Promise((resolve) => sending.on('error', resolve))
    // A rebuild takes seconds: the log is looked at again before the switch.
    sending.end('{"views":["route_stats"],"repair":true}')
    const newest = async () =>
      ((await bench.ask('GET', '/v1/runs?view=route_stats&limit=1')).json as { runs: Run[] }).runs[0]
    await expect.poll(async () => (await newest())?.state).toBe('running')
    sending.destroy()
    await gone
    await expect.poll(async () => (await newest())?.error?.code, { timeout: 10_000 }).toBe('INTERRUPTED')
  })

  test('a run that fails is its problem', async () => {
    const path = bench.write('data/broken.csv', 'origin,n,at\nORD,1,2026-03-01\n')
    const yaml = `
entities: { airport: { key: string } }
sources: { counts: { type: csv, path: data/broken.csv, timestamp: at } }
views: { counted: { entities: [airport], source: counts, keys: { airport: origin }, features: { n: int64 } } }
`
    const applied = await bench.ask('POST', '/v1/apply?allowBreaking=true', {
      body: yaml,
      headers: { 'content-type': 'application/yaml' },
    })
    expect(applied.status).toBe(200)
    bench.write('data/broken.csv', 'origin,n,at\nORD,many,2026-03-01\n')
    const problem = problemOf(await materialize({ views: ['counted'] }, '?wait=true'))
    expect(problem).toMatchObject({ status: 400, code: 'BAD_VALUE' })
    expect(problem.detail).toContain('many')
    expect(JSON.stringify(problem)).not.toContain(path)
    const listed = (await bench.ask('GET', '/v1/runs?view=counted')).json as { runs: Run[] }
    expect(listed.runs[0]).toMatchObject({ state: 'failed', error: { code: 'BAD_VALUE' } })
  })

  test.each<[string, string, unknown, number, string]>([
    ['POST', '/v1/materialize', { views: ['nothing'] }, 404, 'UNKNOWN_NAME'],
    ['POST', '/v1/materialize', { views: [] }, 400, 'BAD_REQUEST'],
    ['POST', '/v1/materialize', { start: '2027-01-01' }, 400, 'BAD_REQUEST'],
    ['POST', '/v1/materialize', { start: '2026-01-01', since: '7d' }, 400, 'BAD_REQUEST'],
    ['POST', '/v1/materialize', { since: 'long' }, 400, 'BAD_VALUE'],
    ['POST', '/v1/materialize', { end: 'soon' }, 400, 'BAD_VALUE'],
    ['POST', '/v1/materialize?wait=1', {}, 400, 'BAD_REQUEST'],
    ['GET', '/v1/runs?state=lost', undefined, 400, 'BAD_REQUEST'],
    ['GET', '/v1/runs/run_x', undefined, 404, 'UNKNOWN_RUN'],
    ['POST', '/v1/runs/run_x/cancel', undefined, 404, 'UNKNOWN_RUN'],
    ['POST', '/v1/load', { sources: ['nothing'] }, 404, 'UNKNOWN_NAME'],
  ])('%s %s %j is refused', async (method, ...[path, body, status, code]) => {
    expect(problemOf(await bench.ask(method, path, { body }))).toMatchObject({ status, code })
  })

  test('load has nothing to copy where files are read in place', async () => {
    expect((await bench.ask('POST', '/v1/load')).text).toBe('{"sources":[]}')
  })
})
