import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type Folder, newShop } from '../cli/shop.ts'
import { type Running, documentOf, json, start } from '../support/command-line.ts'
import type { Blow } from '../support/hammer.ts'

/** A shop that `provender serve` serves in processes of its own. */
export interface ServedShop {
  readonly folder: Folder
  /** Serves it, with these words behind `serve --port 0`. */
  serve(...words: string[]): Promise<Serving>
}

export interface Serving extends Running {
  readonly url: string
  /** Everything that was said on stderr so far. */
  readonly said: () => string
  /** The processes that were started by it. */
  readonly workers: () => number[]
}

export async function openServedShop(): Promise<ServedShop> {
  const folder = newShop()
  await json(folder.dir, ['apply', '--yes'])
  return { folder, serve: (...words) => serve(folder.dir, words) }
}

async function serve(dir: string, words: readonly string[]): Promise<Serving> {
  const running = start(dir, ['serve', '--port', '0', '--json', ...words])
  let said = ''
  running.child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const [chunk] = (await Promise.race([
    once(running.child.stdout ?? running.child, 'data'),
    running.ended.then(({ stdout, stderr }) => Promise.reject(new Error(`serve ended: ${stdout}${stderr}`))),
  ])) as [Buffer]
  const { url } = documentOf(chunk.toString()) as { url: string }
  return { ...running, url, said: () => said, workers: () => childrenOf(running.child.pid ?? 0) }
}

/** The processes that a process started, in the order in which it did. */
function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return text === '' ? [] : text.split(' ').map(Number)
}

/** A push of one purchase of a customer of its own. */
export const purchase = (customer: number): Blow => ({
  method: 'POST',
  path: '/v1/push/last_purchase',
  body: JSON.stringify({ rows: [{ customer, amount: customer / 2, event_timestamp: '2026-01-01T00:00:00Z' }] }),
})

/** An online read of a customer. */
export const look = (customer: number): Blow => ({
  method: 'GET',
  path: `/v1/online/last_purchase:amount?customer=${customer}`,
})

/** Purchases of new customers, each once. */
export function purchases(): () => Blow {
  let customer = 0
  return () => purchase(++customer)
}

/** The customers whose purchase is not served, of those whose push was answered well. */
export async function missing(url: string, good: readonly Blow[]): Promise<number[]> {
  const customers = good.map(({ body = '' }) => (JSON.parse(body) as { rows: [{ customer: number }] }).rows[0].customer)
  const gone: number[] = []
  for (let i = 0; i < customers.length; i += 1000) {
    const some = customers.slice(i, i + 1000)
    const answer = await fetch(`${url}/v1/online`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-timeout-ms': '20000' },
      body: JSON.stringify({ features: 'last_purchase:amount', entities: { customer: some } }),
    })
    const { rows } = (await answer.json()) as { rows: { values: [number | null] }[] }
    rows.forEach(({ values: [amount] }, at) => {
      if (amount !== (some[at] ?? 0) / 2) gone.push(some[at] ?? 0)
    })
  }
  return gone
}
