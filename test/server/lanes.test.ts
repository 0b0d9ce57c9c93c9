import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { requestLimitsOf } from '../../src/define/request-limits.ts'
import { Admission } from '../../src/server/admission.ts'
import type { ServerContext } from '../../src/server/context.ts'
import { openHotLane } from '../../src/server/hot-lane.ts'
import { SeriesBudget } from '../../src/server/metric-family.ts'
import { openMetrics } from '../../src/server/metrics.ts'
import { onlineHandlers } from '../../src/server/online.ts'
import { type RunningServer, startServer } from '../../src/server/start.ts'
import { type Bench, openBench } from './bench.ts'

let bench: Bench
let long: RunningServer
/** Answers what the hot lane leaves to the other by a status that nothing else has. */
const hotOnly = createServer({ joinDuplicateHeaders: true, requireHostHeader: false })
const left = 299

beforeAll(async () => {
  bench = await openBench()
  await bench.store.push('taps_seen', [
    { driver_id: 2n ** 53n + 1n, big: 1n, tapped_at: '2026-03-09T00:00:00Z', label: 'é"\\ \u2028', score: -0 },
    {
      driver_id: 5,
      big: -(2n ** 62n),
      raw: new Uint8Array([1, 2]),
      small: 0.1,
      tags: [1, null],
      tapped_at: '2026-03-09T01:00:00.000001Z',
    },
  ])
  const roots = { dir: bench.dir, dataRoots: [] }
  long = await startServer(bench.store, {
    host: '127.0.0.1',
    port: 0,
    sql: false,
    roots,
    logLevel: 'silent',
    lanes: 'long',
  })
  const context = {
    store: bench.store,
    limits: requestLimitsOf(),
    metrics: openMetrics('flights', new SeriesBudget(1000)),
    admission: new Admission(),
    isClosing: () => false,
  } as unknown as ServerContext
  const hotLane = openHotLane(context, onlineHandlers(context))
  hotOnly.on('request', (request, response) => {
    const answerLeft = (): void => void response.writeHead(left).end()
    if (!hotLane(request, response, answerLeft)) answerLeft()
  })
  hotOnly.on('checkExpectation', (request, response) => hotOnly.emit('request', request, response))
  await new Promise<void>((resolve) => hotOnly.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  hotOnly.closeAllConnections()
  hotOnly.close()
  await long.close()
  await bench[Symbol.asyncDispose]()
})

/** Sends bytes as they are and answers all that comes back, but for what differs between any two answers. */
async function raw(url: string, pieces: readonly (string | Buffer)[]): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const chunks: Buffer[] = []
  const ended = new Promise<void>((resolve, reject) => {
    socket
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .on('close', () => resolve())
      .on('error', reject)
  })
  for (const [i, piece] of pieces.entries()) {
    if (i > 0) await new Promise((resolve) => setTimeout(resolve, 20))
    socket.write(piece)
  }
  // Who has said all there is to say, and did not ask for the connection to be closed, closes it.
  if (!pieces.some((piece) => piece.includes('connection: close'))) socket.end()
  await ended
  return Buffer.concat(chunks)
    .toString('latin1')
    .replaceAll(/^date: .*$/gim, 'date: now')
    .replaceAll(/^x-request-id: [\w-]{12}-[0-9a-z]+\r$/gim, 'x-request-id: new')
}

const last = 'host: x\r\nx-timeout-ms: 20000\r\nconnection: close\r\n'
const get = (path: string, headers = ''): string => `GET /v1/online/${path} HTTP/1.1\r\n${last}${headers}\r\n`
const post = (body: string | Buffer, headers = 'content-type: application/json\r\n'): Buffer =>
  Buffer.concat([
    Buffer.from(`POST /v1/online HTTP/1.1\r\n${last}content-length: ${Buffer.byteLength(body)}\r\n${headers}\r\n`),
    Buffer.from(body),
  ])
const batch = (body: unknown, headers?: string): Buffer => post(JSON.stringify(body), headers)
const ord = { features: 'airport_delays', entities: [{ airport: 'ORD' }] }
const json = 'content-type: application/json\r\n'

/** What is sent, and whether the hot lane answers it. */
const table: Readonly<Record<string, readonly [hot: boolean, ...pieces: (string | Buffer)[]]>> = {
  'an entity': [true, get('airport_delays?airport=ORD')],
  'with a request id': [true, get('airport_delays?airport=ORD', 'x-request-id: abc:1\r\n')],
  'with a request id that is none': [true, get('airport_delays?airport=ORD', 'x-request-id: a b\r\n')],
  'an entity that is not there': [true, get('airport_delays?airport=XXX')],
  'an empty key': [true, get('airport_delays?airport=')],
  'one feature': [true, get('airport_delays:delay?airport=LGA')],
  'a service of two views': [true, get('delay_model?airport=ORD&origin=ORD&destination=BOS')],
  'an alias': [true, get('airport_delays@from(airport=origin)?origin=ORD')],
  'a key with escapes': [true, get('airport_delays?airport=%C3%A9+x%2B')],
  'int64 beyond 2^53, odd text, -0, nulls': [true, get('taps_seen?driver_id=9007199254740993')],
  'bytes, float32, lists': [true, get('taps_seen?driver_id=5')],
  'a number that is written oddly': [true, get('taps_seen?driver_id=005')],
  'a number that is none': [false, get('taps_seen?driver_id=5x')],
  'a deadline that is none': [false, get('airport_delays?airport=ORD', 'x-timeout-ms: soon\r\n')],
  'another accept': [true, get('airport_delays?airport=ORD', 'accept: text/csv\r\n')],
  options: [false, get('airport_delays?airport=ORD&_include=eventTimes&_fullNames=true')],
  'an option that is none': [false, get('airport_delays?airport=ORD&_foo=1')],
  'a broken escape': [false, get('airport_delays?airport=%C3')],
  'a key twice': [false, get('airport_delays?airport=ORD&airport=LGA')],
  'no key': [false, get('airport_delays')],
  'an unknown key': [false, get('airport_delays?airport=ORD&airprt=1')],
  'a key of Object': [false, get('airport_delays?airport=ORD&constructor=1')],
  'a key without a value': [false, get('airport_delays?airport')],
  'an ampersand at the end': [false, get('airport_delays?airport=ORD&')],
  'an escaped reference': [false, get('airport%5Fdelays?airport=ORD')],
  'an unknown view': [false, get('nothing?airport=ORD')],
  'a view that is not online': [false, get('archive?airport=ORD')],
  'no reference': [false, get('?airport=ORD')],
  'a path below': [false, get('airport_delays/x?airport=ORD')],
  'a body where none is taken': [false, get('airport_delays?airport=ORD', 'content-length: 2\r\n') + '{}'],
  'HTTP/1.0': [false, `GET /v1/online/airport_delays?airport=ORD HTTP/1.0\r\nhost: x\r\n\r\n`],
  'no host': [false, 'GET /v1/online/airport_delays?airport=ORD HTTP/1.1\r\nconnection: close\r\n\r\n'],
  'a whole URL': [false, `GET http://x/v1/online/airport_delays?airport=ORD HTTP/1.1\r\n${last}\r\n`],
  HEAD: [false, `HEAD /v1/online/airport_delays?airport=ORD HTTP/1.1\r\n${last}\r\n`],
  'DELETE of nothing': [false, `DELETE /v1/online/nothing?airport=ORD HTTP/1.1\r\n${last}\r\n`],
  'three requests at once': [
    true,
    get('airport_delays?airport=ORD').replace('connection: close\r\n', ''),
    get('taps_seen?driver_id=5').replace('connection: close\r\n', '') + get('airport_delays?airport=LGA'),
  ],
  entities: [
    true,
    batch({ ...ord, entities: [{ airport: 'ORD' }, { airport: null }, { airport: 'XXX' }, { airport: 'ORD' }] }),
  ],
  columns: [true, batch({ ...ord, entities: { airport: ['ORD', 'LGA'] } })],
  'all that may be included': [
    true,
    batch({ ...ord, fullNames: true, includeExpired: true, include: ['eventTimes', 'types'] }),
  ],
  'several features': [
    true,
    batch({ features: ['taps_seen', 'airport_delays'], entities: [{ driver_id: 5, airport: 'é' }] }),
  ],
  'an int64 that JSON.parse would bend': [
    true,
    post('{"features":"taps_seen","entities":[{"driver_id":9007199254740993}]}'),
  ],
  'no entities': [true, batch({ ...ord, entities: [] })],
  'values of JavaScript': [true, batch(ord, `${json}x-provender-values: js\r\n`)],
  'a body in pieces': [
    true,
    post('').toString().replace('content-length: 0', 'content-length: 61'),
    '{"features":"airport_delays",',
    '"entities":[{"airport":"ORD"}] }',
  ],
  'a body that is cut off': [false, `POST /v1/online HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n${json}\r\n{}`],
  'a body with a charset': [false, batch(ord, 'content-type: application/json; charset=utf-8\r\n')],
  'another type': [false, batch(ord, 'content-type: text/plain\r\n')],
  'no type': [false, batch(ord, '')],
  chunks: [false, `POST /v1/online HTTP/1.1\r\n${last}${json}transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`],
  'what expects to go on': [false, batch(ord, `${json}expect: 100-continue\r\n`)],
  'what expects anything else': [false, batch(ord, `${json}expect: cake\r\n`)],
  'a packed body': [false, batch(ord, `${json}content-encoding: gzip\r\n`)],
  'no JSON': [false, post('{"features":')],
  'no UTF-8': [false, post(Buffer.from([0x7b, 0xff, 0x7d]))],
  'JSON that is too deep': [false, post(`{"features":${'['.repeat(40)}${']'.repeat(40)}}`)],
  'an unknown member': [false, batch({ ...ord, featurs: 1 })],
  'a number for a text': [false, batch({ ...ord, entities: [{ airport: 'ORD' }, { airport: 5 }] })],
  'a number for a text in columns': [false, batch({ ...ord, entities: { airport: ['ORD', 5] } })],
  'an entity that is none': [false, batch({ ...ord, entities: ['ORD'] })],
  'a request input': [false, batch({ ...ord, request: { x: 1 } })],
  'too many entities': [false, batch({ ...ord, entities: Array.from({ length: 10_001 }, () => ({ airport: 'ORD' })) })],
  'a query string': [false, batch(ord).toString().replace('/v1/online', '/v1/online?x=1')],
  'an empty body': [false, post('')],
}

describe('the hot lane', () => {
  test.each(Object.entries(table))('answers as the other does: %s', async (_, [hot, ...pieces]) => {
    const [both, through, alone] = await Promise.all([
      raw(bench.server.url, pieces),
      raw(long.url, pieces),
      raw(`http://127.0.0.1:${(hotOnly.address() as AddressInfo).port}`, pieces),
    ])
    expect(both).toBe(through)
    expect(both).toMatch(/^HTTP\/1\.1 \d{3} /)
    const isLeft = alone.includes(`HTTP/1.1 ${left} `) || alone.startsWith('HTTP/1.1 400 Bad Request\r\nConnection')
    expect(isLeft, `left by the hot lane: ${alone}`).toBe(!hot)
  })

  test('counts what it answers as the other does', async () => {
    const counted = async (server: RunningServer): Promise<string[]> =>
      (await raw(server.url, [`GET /metrics HTTP/1.1\r\n${last}\r\n`]))
        .split('\n')
        .filter((line) =>
          /^provender_(http_requests_total.*online|online_(feature_values_total|entities|features_per))/.test(line),
        )
    const change = async (server: RunningServer): Promise<string[]> => {
      const before = new Set(await counted(server))
      for (const [, ...pieces] of Object.values(table)) await raw(server.url, pieces)
      return (await counted(server)).filter((line) => !before.has(line))
    }
    const changed = await change(bench.server)
    expect(changed.length).toBeGreaterThan(15)
    expect(changed).toEqual(await change(long))
  })
})
