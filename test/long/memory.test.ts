import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { must } from '../../src/kernel/assert.ts'
import { newShop } from '../cli/shop.ts'
import { documentOf, json } from '../support/command-line.ts'
import type { Held, Leak } from './memory-probe.ts'

/**
 * A round asks everything, each as often as the table of loads says, about 1200 requests; what is held is measured after it, at rest.
 * Some rounds warm up. A leak of memory that is not JavaScript's is found the smaller, the more rounds there are.
 */
const rounds = Number(process.env['MEMORY_ROUNDS'] ?? 15)
const warmUpRounds = Math.max(12, rounds / 5)

const mebibyte = 1024 * 1024
/**
 * How much more may be held after the rounds than before, by the median slope. Measured where nothing leaks, over 15 rounds: 0.3 MiB
 * of objects, nothing external, up to 25 MiB anonymous, where DuckDB and malloc keep pages for what comes next, however many rounds.
 */
const bounds: Held = {
  objects: (rounds * mebibyte) / 20,
  external: (rounds * mebibyte) / 20,
  anonymous: 60 * mebibyte,
  descriptors: 20,
}

/** What is leaked on purpose, to see that it is found: about 1.1 MiB of objects in 15 rounds, and the double of the other bounds. */
const leak: Leak = { requests: 400, bufferBytes: Math.ceil((2 * bounds.anonymous) / (rounds * 3)) }

interface Measured extends Held {
  /** Answered until then. */
  readonly requests: number
}

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const probe = fileURLToPath(new URL('./memory-probe.ts', import.meta.url))

async function serve(dir: string): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const flags = [
    '--disable-warning=ExperimentalWarning',
    '--conditions=provender-source',
    '--expose-gc',
    // What young objects may take is else resident or not, as it comes.
    '--max-semi-space-size=4',
    '--import',
    probe,
  ]
  const child = spawn(process.execPath, [...flags, main, '--dir', dir, 'serve', '--port', '0', '--json'], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const [chunk] = (await once(child.stdout ?? child, 'data')) as [Buffer]
  return { child, url: (documentOf(chunk.toString()) as { url: string }).url }
}

const kinds = ['objects', 'external', 'anonymous', 'descriptors'] as const

/**
 * By how much what is held rises from the first sample to the last: by the median of the slopes between any two of them, which one step, or a
 * few samples that are off, do not move.
 */
function rise(samples: readonly Measured[], what: keyof Held): number {
  const slopes = samples.flatMap((a, i) =>
    samples.slice(i + 1).map((b) => (b[what] - a[what]) / (b.requests - a.requests)),
  )
  const median = slopes.toSorted((a, b) => a - b)[slopes.length >> 1] ?? NaN
  return median * ((samples.at(-1)?.requests ?? NaN) - (samples[0]?.requests ?? NaN))
}

const rises = (samples: readonly Measured[]): Held => ({
  objects: rise(samples, 'objects'),
  external: rise(samples, 'external'),
  anonymous: rise(samples, 'anonymous'),
  descriptors: rise(samples, 'descriptors'),
})

type Load = () => Promise<unknown>

/** Everything that is asked of a server, some of it wrong: what each does once. What takes a query or a run is done less often. */
function loads(url: string, definitions: string): Record<'often' | 'seldom', readonly Load[]> {
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
  const often = [
    () => ask('GET', `/v1/online/last_purchase?customer=${count++ % 2000}`),
    () => ask('POST', '/v1/online', { features: 'last_purchase', entities: { customer: customers(100) } }),
    () => ask('POST', '/v1/push/last_purchase', { rows: rows(4) }),
    () => ask('POST', '/v1/push/purchases', { rows: rows(2) }, { 'idempotency-key': `key-${count++ % 500}` }),
    () => ask('DELETE', `/v1/online/last_purchase?customer=${count++ % 2000}`),
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
  const seldom = [
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
  ]
  return { often, seldom }
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

const times = { often: 100, seldom: 10 } as const

test(
  'what a server holds is flat under everything that is asked of it, and is not once something leaks',
  { timeout: (warmUpRounds + 2 * rounds) * 30_000 },
  async () => {
    const shop = newShop()
    await json(shop.dir, ['apply', '--yes'])
    const { child, url } = await serve(shop.dir)
    const all = loads(url, readFileSync(join(shop.dir, 'features/shop.yaml'), 'utf8'))
    let requests = 0
    const round = async (): Promise<Measured> => {
      const repeated = (['often', 'seldom'] as const).flatMap((how) =>
        all[how].map((load) => ({ load, n: times[how] })),
      )
      await Promise.all(
        repeated.map(async ({ load, n }) => {
          for (let i = 0; i < n; i++) await load()
          requests += n
        }),
      )
      child.send('measure')
      const [held] = (await once(child, 'message')) as [Held]
      return { ...held, requests }
    }
    const some = async (count: number): Promise<Measured[]> => {
      const samples: Measured[] = []
      while (samples.length < count) samples.push(await round())
      return samples
    }
    await some(warmUpRounds)
    const sound = await some(rounds)
    child.send(leak)
    const leaking = await some(rounds)
    child.kill('SIGTERM')
    const [exit] = (await once(child, 'exit')) as [number]
    shop.remove()
    const said = (held: Held): string =>
      kinds
        .map((what) => `${what} ${what === 'descriptors' ? held[what] : (held[what] / mebibyte).toFixed(2)}`)
        .join(', ')
    process.stdout.write(
      `${requests} requests; at the end ${said(must(sound.at(-1), 'a sample'))}; more in ${rounds} rounds: ${said(rises(sound))}; with a leak: ${said(rises(leaking))}; MiB\n`,
    )
    expect(exit).toBe(0)
    for (const what of kinds) {
      expect(rise(sound, what), what).toBeLessThan(bounds[what])
      expect(rise(leaking, what), `${what}, with a leak`).toBeGreaterThan(bounds[what])
    }
    // What is measured is what was leaked.
    const asked = must(leaking.at(-1), 'a sample').requests - must(leaking[0], 'a sample').requests
    expect(rise(leaking, 'objects') / (64 * asked)).toBeGreaterThan(0.8)
    expect(rise(leaking, 'external') / ((leak.bufferBytes / leak.requests) * asked)).toBeGreaterThan(0.8)
  },
)
