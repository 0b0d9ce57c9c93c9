import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openEngines } from '../../src/compose/engines.ts'
import { composeStore } from '../../src/compose/store.ts'
import type { Store } from '../../src/contract/store.ts'
import type { Config } from '../../src/define/config.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { isProvenderError } from '../../src/kernel/errors.ts'
import { embeddedConfig } from './config.ts'

/** A store whose online part is a Redis, and whose history is in a folder: what happens to the Redis is all that happens. */
export interface RedisStore extends AsyncDisposable {
  readonly store: Store
  readonly config: Config
  /** Ends the rounds that mend things, as a server makes them; they begin at once. */
  stopRounds(): Promise<void>
}

/** How many ids the view `listed` has. */
export const listedIds = 100

/** How often rounds mend things, in milliseconds. */
const roundMs = 100

/**
 * Opens one with a view `seen` of pushed rows: key `id` (int64), feature `n` (int64); and a view `listed` of the same form, whose rows stand in a file:
 * `n` is `id` there, for the ids below `listedIds`. Rounds go on behind it from then on.
 */
export async function openRedisStore(online: Config['online'], rounds = true): Promise<RedisStore> {
  const dir = await mkdtemp(join(tmpdir(), 'provender-redis-store-'))
  const config: Config = { ...embeddedConfig(dir), project: 'faults', online }
  const lines = Array.from({ length: listedIds }, (_, id) => `${id},${id},2026-01-01T00:00:00Z`)
  await writeFile(join(dir, 'list.csv'), ['id,n,at', ...lines, ''].join('\n'))
  const waits = { switchMs: -1, pollMs: 10, closeMs: 500, stopMs: 500 }
  const store = composeStore(config, await openEngines(config, systemClock), { clock: systemClock, waits })
  await store.apply({
    entities: { user: { keys: { id: 'int64' } } },
    sources: {
      hits: { type: 'push', schema: { id: 'int64', n: 'int64' }, timestamp: 'at' },
      list: { type: 'csv', path: 'list.csv', timestamp: 'at' },
    },
    views: {
      seen: { entities: ['user'], source: 'hits', features: { n: 'int64' } },
      listed: { entities: ['user'], source: 'list', features: { n: 'int64' } },
    },
    on_demand: {},
    services: {},
  })
  const ending = new AbortController()
  const mending = rounds ? mend(store, ending.signal) : Promise.resolve()
  const stopRounds = async (): Promise<void> => {
    ending.abort()
    await mending
  }
  return {
    store,
    config,
    stopRounds,
    async [Symbol.asyncDispose]() {
      await stopRounds()
      await store[Symbol.asyncDispose]()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function mend(store: Store, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // A round that fails is made again, as a server does it.
    await store.maintain({ signal }).catch(unlessOperating)
    await sleep(roundMs, undefined, { signal }).catch(() => undefined)
  }
}

/** What may go wrong while servers are away has a code, and is no fault of ours. */
export function unlessOperating(thrown: unknown): void {
  if (!isProvenderError(thrown) || thrown.code === 'INTERNAL') throw thrown
}

/** Pushes one row a call, until it is told to stop; answers the last `n` that was acknowledged for each id, and what was thrown. */
export function keepPushing(
  store: Store,
  ids: number,
): { stop(): Promise<{ readonly acknowledged: ReadonlyMap<number, number>; readonly refused: readonly string[] }> } {
  let going = true
  const acknowledged = new Map<number, number>()
  const refused: string[] = []
  const pushing = (async () => {
    for (let n = 0; going; n++) {
      const id = n % ids
      try {
        await store.push('hits', [{ id, n, at: new Date() }], { timeoutMs: 1000 })
        acknowledged.set(id, n)
      } catch (thrown) {
        unlessOperating(thrown)
        refused.push(isProvenderError(thrown) ? thrown.code : '')
      }
      await sleep(1)
    }
  })()
  return {
    async stop() {
      going = false
      await pushing
      return { acknowledged, refused }
    },
  }
}

/** The `n` that a view serves for each of the ids below a number; null where there is none. */
export async function served(store: Store, ids: number, view = 'seen'): Promise<(number | null)[]> {
  const rows = await store.online(
    view,
    Array.from({ length: ids }, (_, id) => ({ id })),
  )
  return rows.map((row) => (row['n'] === null ? null : Number(row['n'])))
}

/** Asks again and again until the answer is yes. @throws after a while, with the last answer. */
export async function until(what: string, ask: () => Promise<boolean>, forMs = 15_000): Promise<void> {
  const untilMs = performance.now() + forMs
  let last: unknown
  for (;;) {
    try {
      if (await ask()) return
      last = 'no'
    } catch (thrown) {
      last = thrown
    }
    if (performance.now() > untilMs) throw new Error(`${what}: not within ${forMs} ms`, { cause: last })
    await sleep(20)
  }
}
