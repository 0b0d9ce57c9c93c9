import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { newShop } from '../cli/shop.ts'
import { documentOf, json } from '../support/command-line.ts'

/** Ten minutes unless said; a fifth of it warms up, two minutes at most. */
const minutes = Number(process.env['MEMORY_MINUTES'] ?? 10)
const warmUpMs = Math.min(2, minutes / 5) * 60_000

const megabyte = 1024 * 1024
/**
 * How much more there may be after ten minutes, by the line that fits best, and what a measure of some minutes may be off by. Of what
 * is resident, pages of files are no part: they are as many as were read, and the system takes them back.
 */
const bounds = { heapUsed: 8 * megabyte, external: 8 * megabyte, anonymous: 60 * megabyte }

interface Measured {
  readonly atMs: number
  readonly heapUsed: number
  readonly external: number
  readonly anonymous: number
  readonly rss: number
}

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const probe = fileURLToPath(new URL('./memory-probe.ts', import.meta.url))

async function serve(dir: string): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const flags = [
    '--disable-warning=ExperimentalWarning',
    '--conditions=provender-source',
    '--expose-gc',
    '--import',
    probe,
  ]
  const child = spawn(process.execPath, [...flags, main, '--dir', dir, 'serve', '--port', '0', '--json'], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const [chunk] = (await once(child.stdout ?? child, 'data')) as [Buffer]
  return { child, url: (documentOf(chunk.toString()) as { url: string }).url }
}

async function measure(child: ChildProcess, beganMs: number): Promise<Measured> {
  child.send('measure')
  const [measured] = (await once(child, 'message')) as [Omit<Measured, 'atMs'>]
  return { ...measured, atMs: performance.now() - beganMs }
}

/** By how much the line that fits best rises in ten minutes. */
function risePerTenMinutes(samples: readonly Measured[], what: keyof typeof bounds | 'rss'): number {
  const mean = (of: (sample: Measured) => number): number =>
    samples.reduce((sum, each) => sum + of(each), 0) / samples.length
  const [x, y] = [mean((each) => each.atMs), mean((each) => each[what])]
  const up = samples.reduce((sum, each) => sum + (each.atMs - x) * (each[what] - y), 0)
  const along = samples.reduce((sum, each) => sum + (each.atMs - x) ** 2, 0)
  return (up / along) * 600_000
}

/** Everything that is asked of a server, some of it wrong: what each does once, again and again. */
function loads(url: string, definitions: string): (() => Promise<unknown>)[] {
  let count = 0
  const ask = async (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<number> => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: {
        'x-timeout-ms': '20000',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    await answer.arrayBuffer()
    if (answer.status === 500) throw new Error(`${method} ${path}: 500`)
    return answer.status
  }
  const customers = (n: number): number[] => Array.from({ length: n }, () => (count = (count + 7) % 2000))
  const rows = (n: number) =>
    customers(n).map((customer) => ({
      customer,
      amount: 1.5,
      note: 'x'.repeat(50),
      event_timestamp: new Date().toISOString(),
    }))
  const spine = () => customers(50).map((customer) => ({ customer, event_timestamp: '2026-06-01T00:00:00Z' }))
  return [
    () => ask('GET', `/v1/online/last_purchase?customer=${count++ % 2000}`),
    () => ask('POST', '/v1/online', { features: 'last_purchase', entities: { customer: customers(100) } }),
    () => ask('POST', '/v1/push/last_purchase', { rows: rows(20) }),
    () => ask('POST', '/v1/push/purchases', { rows: rows(5) }, { 'idempotency-key': `key-${count++ % 500}` }),
    () => ask('DELETE', `/v1/online/last_purchase?customer=${count++ % 2000}`),
    () => ask('POST', '/v1/historical', { features: 'last_purchase:amount', spine: { rows: spine() } }),
    () => ask('POST', '/v1/historical/snapshot', { features: 'price', at: '2026-01-03' }, { accept: 'text/csv' }),
    () =>
      ask('POST', '/v1/historical?features=last_purchase:amount', 'customer,event_timestamp\n1,2026-06-01\n', {
        'content-type': 'text/csv',
        accept: 'application/vnd.apache.parquet',
      }),
    () => ask('POST', '/v1/materialize?wait=true', { views: ['price'] }),
    () => ask('POST', '/v1/materialize?wait=true', { views: ['last_purchase'] }),
    () => ask('POST', '/v1/apply', definitions, { 'content-type': 'application/yaml' }),
    () =>
      ask(
        'GET',
        ['/v1/views', '/v1/runs', '/readyz', '/metrics', '/v1/registry', '/openapi.json'][count++ % 6] ?? '/livez',
      ),
    () => ask('GET', `/nothing-${count++}`),
    () => ask('GET', `/v1/online/nothing_${count++}?customer=1`),
    () => ask('POST', '/v1/push/last_purchase', { rows: [{ customer: 'x' }] }),
    () => ask('POST', '/v1/online', '{'),
    () => ask('GET', `/v1/errors/E${count++}`),
    () => vanish(url, count++),
  ]
}

/** A client that goes away: in its head, its body, or before its answer. */
async function vanish(url: string, which: number): Promise<void> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.on('error', () => undefined)
  const head =
    'POST /v1/push/last_purchase HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n'
  const query =
    'POST /v1/historical/snapshot HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 38\r\n\r\n{"features":"price","at":"2026-01-03"}'
  socket.write([head.slice(0, 40), head + 'x'.repeat(50_000), query][which % 3] ?? '')
  await setTimeout(20)
  socket.destroy()
}

test(
  'the memory of a server is flat under everything that is asked of it',
  { timeout: (minutes + 3) * 60_000 },
  async () => {
    const shop = newShop()
    await json(shop.dir, ['apply', '--yes'])
    const { child, url } = await serve(shop.dir)
    const beganMs = performance.now()
    const endsMs = beganMs + minutes * 60_000
    let asked = 0
    const loading = loads(url, readFileSync(join(shop.dir, 'features/shop.yaml'), 'utf8')).map(async (load) => {
      while (performance.now() < endsMs) {
        await load()
        asked += 1
        await setTimeout(10)
      }
    })
    const all = Promise.all(loading)
    // What fails there ends the test below.
    all.catch(() => undefined)
    const samples: Measured[] = []
    while (performance.now() < endsMs) {
      await Promise.race([setTimeout(Math.min(5000, minutes * 2000)), all])
      if (performance.now() - beganMs >= warmUpMs && performance.now() < endsMs)
        samples.push(await measure(child, beganMs))
    }
    await all
    const rises = (['heapUsed', 'external', 'anonymous', 'rss'] as const).map((what) => [
      what,
      Math.round((risePerTenMinutes(samples, what) / megabyte) * 10) / 10,
    ])
    const last = samples.at(-1)
    process.stdout.write(
      `${asked} requests, ${samples.length} samples; MiB per 10 min: ${JSON.stringify(Object.fromEntries(rises))}; last: heap ${Math.round((last?.heapUsed ?? 0) / megabyte)} MiB, anonymous ${Math.round((last?.anonymous ?? 0) / megabyte)} MiB, rss ${Math.round((last?.rss ?? 0) / megabyte)} MiB\n`,
    )
    child.kill('SIGTERM')
    const [exit] = (await once(child, 'exit')) as [number]
    shop.remove()
    expect(exit).toBe(0)
    expect(samples.length).toBeGreaterThan(10)
    for (const what of ['heapUsed', 'external', 'anonymous'] as const)
      expect(risePerTenMinutes(samples, what), what).toBeLessThan(bounds[what])
  },
)
