import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadDefinitions, openStore, startServer } from 'provender'
import { percentile } from '../harness/statistics.ts'

const yaml = `project: bench
entities: { card: { key: { card_id: int64 } } }
sources: { taps: { type: push, schema: { card_id: int64, amount: float64, place: string, online: bool }, timestamp: tapped_at } }
views: { card_taps: { entities: [card], source: taps, features: { amount: float64, place: string, online: bool } } }
`
const cards = 1_000_000

/** How pushes are made: so many callers, each with so many rows at a time, for so long. */
export interface Pushing {
  readonly callers: number
  readonly rows: number
  readonly seconds: number
}

/** A store that takes pushes from this process, with a server for those of others if asked for one. */
export async function open(input: unknown): Promise<{
  info: { url: string | null }
  run(argument: unknown): Promise<Record<string, number>>
  close(): Promise<void>
}> {
  const { serve } = input as { readonly serve: boolean }
  const dir = await mkdtemp(join(tmpdir(), 'provender-bench-'))
  await writeFile(join(dir, 'provender.yaml'), yaml)
  const store = await openStore(dir)
  await store.apply(await loadDefinitions(dir))
  const server = serve ? await startServer(store, dir, { port: 0 }) : undefined
  return {
    info: { url: server?.url ?? null },
    run: (argument) => pushFor(argument as Pushing, async (rows) => void (await store.push('card_taps', rows))),
    close: async () => {
      await server?.[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** Lets callers push, one push after the other each, and answers pushes a second and their times in seconds. */
export async function pushFor(
  { callers, rows, seconds }: Pushing,
  push: (
    rows: { card_id: number; amount: number; place: string; online: boolean; tapped_at: string }[],
  ) => Promise<void>,
): Promise<Record<string, number>> {
  const times: number[] = []
  const startedMs = performance.now()
  const untilMs = startedMs + seconds * 1000
  let next = 0
  const call = async (): Promise<void> => {
    for (;;) {
      const beforeMs = performance.now()
      if (beforeMs >= untilMs) return
      const tapped_at = new Date().toISOString()
      await push(
        Array.from({ length: rows }, () => {
          const n = next++
          return {
            card_id: (n * 7919) % cards,
            amount: n / 100,
            place: `shop ${n % 1000}`,
            online: n % 3 === 0,
            tapped_at,
          }
        }),
      )
      times.push((performance.now() - beforeMs) / 1000)
    }
  }
  await Promise.all(Array.from({ length: callers }, call))
  const took = (performance.now() - startedMs) / 1000
  return {
    pushes: times.length / took,
    rows: (times.length * rows) / took,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
  }
}
