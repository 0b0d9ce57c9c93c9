import { mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { type Socket, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { hammer, percentile } from '../support/hammer.ts'
import { scrape } from '../support/scrape.ts'
import { type Bench, openBench } from './bench.ts'

const limits = { bodyMs: 1500, uploadIdleMs: 600, downloadIdleMs: 600, historicalReads: 1, historicalWaiting: 10 }

const outerTmp = process.env['TMPDIR']
let temp: string
let bench: Bench
beforeAll(async () => {
  temp = realpathSync(mkdtempSync(join(tmpdir(), 'provender-slow-')))
  process.env['TMPDIR'] = temp
  bench = await openBench({ sql: true, limits })
})
afterAll(async () => {
  await bench[Symbol.asyncDispose]()
  if (outerTmp === undefined) delete process.env['TMPDIR']
  else process.env['TMPDIR'] = outerTmp
  rmSync(temp, { recursive: true, force: true })
})

/** A client that speaks for itself. */
interface Client {
  readonly socket: Socket
  /** What came back. */
  readonly said: () => string
  readonly gone: Promise<void>
}

function open(): Client {
  const socket = connect(Number(new URL(bench.server.url).port), '127.0.0.1')
  let said = ''
  socket
    .setEncoding('latin1')
    .on('data', (chunk: string) => (said += chunk))
    .on('error', () => undefined)
  const gone = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  return { socket, said: () => said, gone }
}

/** Says something, a byte each tenth of a second, until the connection ends. */
async function drip({ socket, gone }: Client, text: string): Promise<void> {
  let ended = false
  void gone.then(() => (ended = true))
  for (const byte of text) {
    if (ended) return
    socket.write(byte)
    await Promise.race([gone, setTimeout(100)])
  }
}

const head = (path: string, type: string, length: number | 'chunked', more = ''): string =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\n${
    length === 'chunked' ? 'transfer-encoding: chunked' : `content-length: ${length}`
  }\r\n${more}\r\n`

/** Requests of each kind that are being answered. */
async function underway(): Promise<Record<string, number>> {
  const { samples } = await scrape(bench.server.url)
  return Object.fromEntries(
    samples
      .filter(({ name }) => name === 'provender_http_requests_underway')
      .map(({ labels, value }) => [labels['priority'] ?? '', value]),
  )
}

const nothing = { online: 0, push: 0, metadata: 0, historical: 0 }

/** The files that the server keeps for requests. */
const files = (): string[] =>
  readdirSync(temp)
    .filter((name) => name.startsWith('provender-server-'))
    .flatMap((name) => readdirSync(join(temp, name)))
    .filter((name) => name !== 'owner.json')

afterEach(async () => {
  await expect.poll(underway, { timeout: 10_000 }).toEqual(nothing)
  expect(files()).toEqual([])
  // The one turn that there is, is free.
  const answer = await bench.ask('POST', '/v1/historical/snapshot', {
    body: { features: 'airport_delays', at: '2026-03-10', includeExpired: true },
  })
  expect(answer.status).toBe(200)
})

describe('clients that are slow', () => {
  test('in their heads, their bodies, or altogether, hold up nobody else', { timeout: 60_000 }, async () => {
    const reads = async (): Promise<number> => {
      const others = hammer(bench.server.url, 4, () => ({
        method: 'GET',
        path: '/v1/online/airport_delays?airport=ORD',
      }))
      await setTimeout(1500)
      await others.stop()
      expect([others.toll.broken, [...others.toll.statuses.keys()]]).toEqual([[], [200]])
      return percentile(others.toll.latenciesMs, 99)
    }
    await reads()
    const alone = await reads()
    const idle = Array.from({ length: 300 }, open)
    const slow = Array.from({ length: 60 }, (_, i) => {
      const client = open()
      const body = head('/v1/push/taps', 'application/json', 1000)
      if (i % 2 === 0) return { client, dripping: drip(client, body) }
      client.socket.write(body)
      return { client, dripping: drip(client, '{'.padEnd(1000)) }
    })
    const among = await reads()
    // Noise of the machine aside, which is not the same twice.
    expect(among).toBeLessThan(5 * alone + 50)
    // None of them is waited for for ever: heads have five seconds, bodies what is set.
    for (const { client, dripping } of slow) {
      await client.gone
      await dripping
      expect(client.said()).toMatch(/^HTTP\/1\.1 504 .*DEADLINE_EXCEEDED/s)
    }
    for (const { socket } of idle) socket.destroy()
  })

  test('in a spine that stands still are told so, and it is thrown away', async () => {
    const client = open()
    client.socket.write(head('/v1/historical?features=airport_delays', 'text/csv', 'chunked'))
    client.socket.write('21\r\nairport,event_timestamp\r\nORD,2026\r\n')
    await expect.poll(files, { interval: 5 }).toHaveLength(1)
    await client.gone
    expect(client.said()).toMatch(/^HTTP\/1\.1 504 .*DEADLINE_EXCEEDED.*stood still/s)
  })

  test.each(['text/csv', 'application/x-ndjson', 'application/vnd.apache.parquet'])(
    'in reading %s are let go of, and their query too',
    async (accept) => {
      const client = open()
      // More than what the sockets between us hold.
      const body = JSON.stringify({ features: 'airport_delays', spine: { sql: wide(1_200_000) } })
      client.socket.write(head('/v1/historical', 'application/json', body.length, `accept: ${accept}\r\n`) + body)
      await expect.poll(client.said, { timeout: 20_000 }).toMatch(/^HTTP\/1\.1 200 /)
      client.socket.pause()
      await expect.poll(underway, { timeout: 10_000 }).toEqual(nothing)
      client.socket.resume()
      await client.gone
      // It ends without its end.
      expect(client.said().endsWith('\r\n0\r\n\r\n')).toBe(false)
    },
  )
})

/** A spine of so many rows, which compresses badly. */
const wide = (rows: number): string => `
  SELECT f.origin AS airport, f.landed_at AS event_timestamp, md5(f.landed_at::VARCHAR || n::VARCHAR) AS noise
  FROM flights f, (SELECT unnest(range(${Math.ceil(rows / 300)})) AS n)`

/** A query that nobody would wait for. */
const endless = `
  SELECT a.origin AS airport, max(b.landed_at + INTERVAL (c.delay * d.delay) SECOND) AS event_timestamp
  FROM flights a, flights b, flights c, flights d, flights e GROUP BY a.origin`

describe('clients that vanish', () => {
  test('in the middle of a push push nothing', async () => {
    const body = JSON.stringify({ rows: [{ driver_id: 4711, tapped_at: '2026-03-09T00:00:00Z', label: 'x' }] })
    for (const at of [0, 1, body.length >> 1, body.length - 1]) {
      const client = open()
      client.socket.write(head('/v1/push/taps', 'application/json', body.length) + body.slice(0, at))
      await setTimeout(20)
      client.socket.destroy()
      await client.gone
    }
    const answer = await bench.ask('GET', '/v1/online/taps_seen:label?driver_id=4711')
    expect(answer.json).toMatchObject({ statuses: { label: 'NOT_FOUND' } })
  })

  test('in the middle of a spine leave no file', async () => {
    for (let i = 0; i < 5; i++) {
      const client = open()
      client.socket.write(head('/v1/historical?features=airport_delays', 'text/csv', 'chunked'))
      client.socket.write('21\r\nairport,event_timestamp\r\nORD,2026\r\n')
      await expect.poll(files, { timeout: 10_000 }).toHaveLength(1)
      client.socket.destroy()
      await expect.poll(files).toEqual([])
    }
  })

  test('while their query runs end it', async () => {
    const client = open()
    const body = JSON.stringify({ features: 'airport_delays', spine: { sql: endless } })
    client.socket.write(head('/v1/historical', 'application/json', body.length) + body)
    // What others leave of the machine, but all of that.
    await expect.poll(busy, { timeout: 10_000 }).toBeGreaterThan(0.2)
    client.socket.destroy()
    await expect.poll(underway, { timeout: 10_000 }).toEqual(nothing)
    await expect.poll(busy, { timeout: 10_000 }).toBeLessThan(0.1)
  })

  test.each(['text/csv', 'application/vnd.apache.parquet'])('while %s comes end it too', async (accept) => {
    const client = open()
    const body = JSON.stringify({ features: 'airport_delays', spine: { sql: wide(400_000) } })
    client.socket.write(head('/v1/historical', 'application/json', body.length, `accept: ${accept}\r\n`) + body)
    await expect.poll(client.said, { timeout: 20_000 }).toMatch(/^HTTP\/1\.1 200 /)
    client.socket.destroy()
    await expect.poll(underway, { timeout: 10_000 }).toEqual(nothing)
  })

  test('leave no memory behind', { timeout: 60_000 }, async () => {
    const megabyte = 1024 * 1024
    const vanish = async (): Promise<void> => {
      const clients = Array.from({ length: 40 }, () => {
        const client = open()
        client.socket.write(head('/v1/push/taps', 'application/json', 2 * megabyte) + ' '.repeat(megabyte))
        return client
      })
      await setTimeout(300)
      for (const { socket } of clients) socket.destroy()
      await Promise.all(clients.map(({ gone }) => gone))
      await expect.poll(underway, { timeout: 10_000 }).toEqual(nothing)
    }
    await vanish()
    const before = heldBytes()
    for (let i = 0; i < 4; i++) await vanish()
    await expect.poll(() => (heldBytes() - before) / megabyte, { timeout: 20_000, interval: 500 }).toBeLessThan(10)
  })
})

/** How many cores this process keeps busy. */
async function busy(): Promise<number> {
  const { user } = process.cpuUsage()
  const startedMs = performance.now()
  await setTimeout(200)
  return (process.cpuUsage().user - user) / 1000 / (performance.now() - startedMs)
}

/** Memory that is in use after all that can be freed was. */
function heldBytes(): number {
  setFlagsFromString('--expose_gc')
  const gc = runInNewContext('gc') as () => void
  gc()
  gc()
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return heapUsed + external + arrayBuffers
}
