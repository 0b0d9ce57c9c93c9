import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Bench, openBench, problemOf } from './bench.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench({ sql: true })
})
afterAll(async () => bench[Symbol.asyncDispose]())

const parquet = 'application/vnd.apache.parquet'
const ndjson = 'application/x-ndjson'

const post = (body: unknown, accept?: string, path = '/v1/historical') =>
  bench.ask('POST', path, { body, headers: accept === undefined ? {} : { accept } })

const spine = {
  rows: [
    { airport: 'ORD', event_timestamp: '2026-03-09T23:30:00+00:30', label: 1 },
    { airport: 'ORD', event_timestamp: '2026-03-09T22:59:59.999999Z', label: 2 },
    { airport: 'nowhere', event_timestamp: '2026-03-09T23:00:00Z', label: null },
  ],
}
const expected = {
  airport: ['ORD', 'ORD', 'nowhere'],
  event_timestamp: ['2026-03-09T23:00:00Z', '2026-03-09T22:59:59.999999Z', '2026-03-09T23:00:00Z'],
  label: [1, 2, null],
  delay: [49, 44, null],
  miles: [399.5, 394.5, null],
}
const types = { airport: 'string', event_timestamp: 'timestamp', label: 'int64', delay: 'int32', miles: 'float64' }

describe('a spine in JSON', () => {
  test('as rows', async () => {
    const answer = await post({ features: ['airport_delays'], spine })
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/json'])
    expect(answer.json).toEqual({ columns: expected, types, rows: 3, notes: [] })
    expect(answer.text.startsWith('{"columns":{"airport":["ORD",')).toBe(true)
  })

  test('as columns, with another timestamp and full names', async () => {
    const columns = { airport: ['ORD'], at: ['2026-03-09T23:00:00Z'], x: ['2026-03-09T23:00:00Z'] }
    const { json } = await post({
      features: 'airport_delays:delay',
      spine: { columns },
      timestamp: 'at',
      fullNames: true,
    })
    expect(json).toMatchObject({ columns: { ...columns, airport_delays__delay: [49] }, rows: 1 })
  })

  test('as SQL over the sources', async () => {
    const sql =
      "SELECT origin AS airport, landed_at AS event_timestamp FROM flights WHERE origin = 'ORD' ORDER BY landed_at DESC LIMIT 2"
    expect((await post({ features: 'airport_delays:delay', spine: { sql } })).json).toMatchObject({
      columns: { delay: [49, 44] },
      rows: 2,
    })
  })

  test('of no rows', async () => {
    expect(
      (await post({ features: 'airport_delays', spine: { columns: { airport: [], event_timestamp: [] } } })).json,
    ).toMatchObject({ rows: 0, columns: { delay: [] } })
  })

  test('by what was known, at the row or at an instant', async () => {
    const at = { rows: [{ airport: 'ORD', event_timestamp: '2026-03-09T23:04:00Z' }] }
    expect((await post({ features: 'airport_delays:delay', spine: at, knownBy: 'spine' })).json).toMatchObject({
      columns: { delay: [44] },
    })
    const { json } = await post({
      features: 'airport_delays:delay',
      spine: at,
      asOf: '2026-03-09T23:04:00Z',
      registryVersion: 1,
    })
    expect(json).toMatchObject({ columns: { delay: [44] }, notes: [expect.stringContaining('flights')] })
  })
})

describe('a spine as the body', () => {
  const csv =
    'airport,event_timestamp,label\nORD,2026-03-09T23:30:00+00:30,1\nORD,2026-03-09T22:59:59.999999Z,2\nnowhere,2026-03-09T23:00:00Z,\n'
  const send = (type: string, body: string | Buffer, query = 'features=airport_delays', accept = 'application/json') =>
    bench.ask('POST', `/v1/historical?${query}`, { body, headers: { 'content-type': type, accept } })

  test('as CSV, whose other columns are text', async () => {
    const answer = await send('text/csv; charset=utf-8', csv)
    expect(answer.json).toEqual({
      columns: { ...expected, label: ['1', '2', null] },
      types: { ...types, label: 'string' },
      rows: 3,
      notes: [],
    })
    expect(
      (await send('text/csv', csv, 'features=airport_delays:delay&features=airport_delays:miles', 'text/csv')).text,
    ).toBe(
      'airport,event_timestamp,label,delay,miles\r\n' +
        'ORD,2026-03-09T23:00:00Z,1,49,399.5\r\nORD,2026-03-09T22:59:59.999999Z,2,44,394.5\r\nnowhere,2026-03-09T23:00:00Z,,,\r\n',
    )
  })

  test('as NDJSON, and NDJSON back', async () => {
    const lines = `${spine.rows.map((row) => JSON.stringify(row)).join('\n')}\n`
    const answer = await send(ndjson, lines, 'features=airport_delays&fullNames=false', `${ndjson}, */*;q=0.1`)
    expect(answer.headers['content-type']).toBe(ndjson)
    expect(answer.text.split('\n')[0]).toBe(
      '{"airport":"ORD","event_timestamp":"2026-03-09T23:00:00Z","label":1,"delay":49,"miles":399.5}',
    )
    expect(answer.text.split('\n')).toHaveLength(4)
  })

  test('as Parquet, and Parquet back', async () => {
    await bench.sql(
      `COPY (SELECT * FROM (VALUES ('ORD', TIMESTAMP '2026-03-09 23:00:00', 1::UTINYINT), (NULL, TIMESTAMP '2026-03-09 23:00:00', 2)) AS t(airport, event_timestamp, n)) TO '{dir}/spine.parquet' (FORMAT parquet)`,
    )
    const { readFileSync } = await import('node:fs')
    const answer = await send(
      parquet,
      readFileSync(join(bench.dir, 'spine.parquet')),
      'features=airport_delays:delay',
      parquet,
    )
    expect([answer.status, answer.headers['content-type']]).toEqual([200, parquet])
    writeFileSync(join(bench.dir, 'out.parquet'), answer.bytes)
    expect(await bench.sql("SELECT airport, n, delay FROM '{dir}/out.parquet'")).toEqual([
      ['ORD', 1, 49],
      [null, 2, null],
    ])
    expect(await bench.sql("SELECT typeof(n), typeof(delay) FROM '{dir}/out.parquet' LIMIT 1")).toEqual([
      ['UTINYINT', 'INTEGER'],
    ])
  })

  test.each<[string, string, string, string, number, string | undefined, RegExp]>([
    ['no features', 'text/csv', csv, '', 400, 'BAD_REQUEST', /features/],
    ['an unknown parameter', 'text/csv', csv, 'features=airport_delays&asof=x', 400, 'UNKNOWN_MEMBER', /asOf/],
    ['a bad flag', 'text/csv', csv, 'features=airport_delays&fullNames=1', 400, 'BAD_REQUEST', /fullNames/],
    ['a bad instant', 'text/csv', csv, 'features=airport_delays&asOf=soon', 400, 'BAD_VALUE', /soon/],
    ['broken CSV', 'text/csv', 'airport,event_timestamp\n"ORD', 'features=airport_delays', 400, undefined, /the spine/],
    [
      'a bad instant in CSV',
      'text/csv',
      'airport,event_timestamp\nORD,soon\n',
      'features=airport_delays',
      400,
      'BAD_VALUE',
      /the spine.*soon|soon/,
    ],
    ['broken NDJSON', ndjson, '{"airport":', 'features=airport_delays', 400, 'BAD_REQUEST', /[Ll]ine 1 of the spine/],
    ['broken Parquet', parquet, 'PAR1', 'features=airport_delays', 400, 'SOURCE_UNREADABLE', /the spine/],
    ['an empty body', 'text/csv', '', 'features=airport_delays', 400, undefined, /./],
    [
      'no timestamp',
      'text/csv',
      'airport,event_timestamp\nORD,\n',
      'features=airport_delays',
      400,
      'MISSING_TIMESTAMP',
      /1 of 1/,
    ],
  ])('is refused with %s, and no file is left or named', async (_, ...[type, body, query, status, code, said]) => {
    const problem = problemOf(await send(type, body, query))
    expect(problem.status).toBe(status)
    if (code !== undefined) expect(problem.code).toBe(code)
    expect(`${problem.detail} ${problem.remedy}`).toMatch(said)
    expect(JSON.stringify(problem)).not.toMatch(new RegExp(`${tmpdir()}|flights`))
    expect(leftovers()).toEqual([])
  })

  test('leaves no file behind', () => {
    expect(leftovers()).toEqual([])
  })
})

/** Files in the temporary folders of servers of this process's tests. */
const leftovers = (): string[] =>
  readdirSync(tmpdir())
    .filter((name) => name.startsWith('provender-server-'))
    .flatMap((name) => {
      try {
        const { pid } = JSON.parse(readFileSync(join(tmpdir(), name, 'owner.json'), 'utf8')) as { readonly pid: number }
        return pid === process.pid ? readdirSync(join(tmpdir(), name)).filter((file) => file !== 'owner.json') : []
      } catch {
        return []
      }
    })

describe('without a spine', () => {
  test('events: every row in an interval', async () => {
    const { json } = await post(
      { features: 'airport_delays', start: '2026-03-09T18:00:00Z', end: '2026-03-09T23:00:00Z' },
      undefined,
      '/v1/historical/events',
    )
    expect(json).toMatchObject({
      columns: {
        airport: ['ATL', 'DEN', 'LGA', 'ORD', 'SFO'],
        event_timestamp: [
          '2026-03-09T19:00:00Z',
          '2026-03-09T20:00:00Z',
          '2026-03-09T21:00:00Z',
          '2026-03-09T18:00:00Z',
          '2026-03-09T22:00:00Z',
        ],
        created_timestamp: expect.arrayContaining(['2026-03-09T18:05:00Z']) as unknown,
        delay: [45, 46, 47, 44, 48],
      },
      rows: 5,
    })
  })

  test('snapshot: the row of each entity', async () => {
    const { text } = await post(
      { features: 'airport_delays:delay', at: '2026-03-09T21:30:00Z' },
      'text/csv',
      '/v1/historical/snapshot',
    )
    expect(text).toBe(
      'airport,event_timestamp,delay\r\nATL,2026-03-09T19:00:00Z,45\r\nDEN,2026-03-09T20:00:00Z,46\r\nLGA,2026-03-09T21:00:00Z,47\r\nORD,2026-03-09T18:00:00Z,44\r\nSFO,2026-03-09T17:00:00Z,43\r\n',
    )
    const { json } = await post(
      { features: 'airport_delays:delay', at: '2027-01-01', includeExpired: true },
      undefined,
      '/v1/historical/snapshot',
    )
    expect(json).toMatchObject({ rows: 5 })
  })

  test.each([
    ['an empty interval', '/events', { start: '2026-03-09', end: '2026-03-09' }, 'BAD_REQUEST'],
    ['no end', '/events', { start: '2026-03-09' }, 'BAD_REQUEST'],
    ['two views', '/snapshot', { features: 'delay_model', at: '2026-03-09' }, 'BAD_REQUEST'],
    ['what is no instant', '/snapshot', { at: 'now' }, 'BAD_VALUE'],
  ])('refuses %s', async (_, path, body, code) => {
    expect(
      problemOf(await post({ features: 'airport_delays', ...body }, undefined, `/v1/historical${path}`)),
    ).toMatchObject({ status: 400, code })
  })
})

describe('a request for history is refused', () => {
  const good = { features: ['airport_delays'], spine }
  test.each([
    ['with two spines', { ...good, spine: { ...spine, sql: 'SELECT 1' } }, 400, 'BAD_REQUEST', '/spine'],
    ['with none', { ...good, spine: {} }, 400, 'BAD_REQUEST', '/spine'],
    ['with an unknown one', { ...good, spine: { row: [] } }, 400, 'UNKNOWN_MEMBER', '/spine/row'],
    ['with a row that is none', { ...good, spine: { rows: [5] } }, 400, 'BAD_REQUEST', '/spine/rows/0'],
    ['with columns that are none', { ...good, spine: { columns: { a: 5 } } }, 400, 'BAD_REQUEST', '/spine/columns'],
    ['with SQL that is no SELECT', { ...good, spine: { sql: 'DROP TABLE flights' } }, 400, 'SQL_REFUSED', undefined],
    ['without a key', { ...good, spine: { rows: [{ event_timestamp: '2026-03-09' }] } }, 400, 'MISSING_KEY', '/spine'],
    [
      'with a key of another type',
      { ...good, spine: { rows: [{ airport: 5, event_timestamp: '2026-03-09' }] } },
      400,
      'BAD_VALUE',
      '/spine/rows/0/airport',
    ],
    [
      'without a timestamp',
      { ...good, spine: { rows: [{ airport: 'x', event_timestamp: null }] } },
      400,
      'MISSING_TIMESTAMP',
      undefined,
    ],
    [
      'with a colliding column',
      { ...good, spine: { rows: [{ airport: 'x', Delay: 1, event_timestamp: '2026-03-09' }] } },
      400,
      'NAME_COLLISION',
      undefined,
    ],
    ['of an unknown version', { ...good, registryVersion: 99 }, 404, 'UNKNOWN_VERSION', undefined],
    ['of an unknown view', { ...good, features: 'nothing' }, 404, 'UNKNOWN_NAME', undefined],
  ])('%s', async (_, ...[body, status, code, at]) => {
    const problem = problemOf(await post(body))
    expect([problem.status, problem.code]).toEqual([status, code])
    if (at !== undefined) expect(problem.at).toBe(at)
  })

  test('with options beside JSON', async () => {
    const problem = problemOf(await post(good, undefined, '/v1/historical?fullNames=true'))
    expect([problem.code, problem.at]).toEqual(['BAD_REQUEST', '/fullNames'])
  })

  test('in a form that it does not have', async () => {
    expect(problemOf(await post(good, 'text/html'))).toMatchObject({
      status: 415,
      code: 'UNSUPPORTED_MEDIA_TYPE',
      at: 'accept',
    })
    expect((await post(good, 'text/html, */*;q=0.8')).headers['content-type']).toBe('application/json')
    expect((await post(good, `text/*;q=0.5, ${ndjson};q=0.4`)).headers['content-type']).toBe('text/csv')
  })
})

test('SQL is refused where the server does not allow it', async () => {
  await using plain = await openBench()
  const body = { features: 'airport_delays', spine: { sql: 'SELECT * FROM flights' } }
  expect(problemOf(await plain.ask('POST', '/v1/historical', { body }))).toMatchObject({
    status: 400,
    code: 'SQL_REFUSED',
    at: '/spine/sql',
  })
})

describe('large tables', () => {
  const sqlOf = (seconds: number, pad: number) =>
    `SELECT origin AS airport, landed_at + INTERVAL 1 SECOND * i AS event_timestamp, repeat('x', ${pad}) AS pad FROM flights, range(${seconds}) AS t(i)`
  const bodyOf = (seconds: number, pad: number) => ({ features: 'airport_delays', spine: { sql: sqlOf(seconds, pad) } })

  test('are streamed', async () => {
    const answer = await post(bodyOf(500, 1), 'text/csv')
    expect(answer.headers['transfer-encoding']).toBe('chunked')
    expect(answer.text.split('\r\n')).toHaveLength(300 * 500 + 2)
  })

  test('are not answered as JSON beyond a limit', async () => {
    expect(problemOf(await post(bodyOf(300, 1000)))).toMatchObject({ status: 413, code: 'PAYLOAD_TOO_LARGE' })
  })

  test('end when the client goes away, and the server answers on', async () => {
    const headers = { 'content-type': 'application/json', accept: parquet }
    const sending = request(`${bench.server.url}/v1/historical`, { method: 'POST', headers })
    const began = new Promise<void>((resolve, reject) => {
      sending.on('error', reject).on('response', (response) => {
        response.on('error', () => undefined).once('data', () => resolve())
      })
    })
    sending.end(JSON.stringify(bodyOf(2000, 20)))
    await began
    expect(leftovers()).toHaveLength(1)
    sending.destroy()
    await expect.poll(leftovers).toEqual([])
    expect((await post({ features: ['airport_delays'], spine })).status).toBe(200)
  })

  test('end at the deadline', async () => {
    const headers = { 'x-timeout-ms': '20' }
    const answer = await bench.ask('POST', '/v1/historical', { body: bodyOf(2000, 20), headers })
    expect(problemOf(answer)).toMatchObject({ status: 504, code: 'DEADLINE_EXCEEDED' })
  })
})

test('an upload that is cut off leaves nothing', async () => {
  const sending = request(`${bench.server.url}/v1/historical?features=airport_delays`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv', 'transfer-encoding': 'chunked' },
  })
  const ended = new Promise<void>((resolve) => sending.on('error', () => resolve()))
  sending.write('airport,event_timestamp\n')
  await expect.poll(leftovers).toHaveLength(1)
  sending.destroy()
  await ended
  await expect.poll(leftovers).toEqual([])
})
