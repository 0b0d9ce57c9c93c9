import { performance } from 'node:perf_hooks'
import type { StoreObserver, Telemetry, ViewStanding } from '../contract/store.ts'
import { concerns } from '../decide/log-rows.ts'
import type { Config } from '../define/config.ts'
import type { Call } from '../kernel/call.ts'
import type { OnlineStore } from '../ports/online.ts'
import { callOf } from './arguments.ts'
import { type Stored, storedOf } from './doctor/views.ts'
import type { Parts } from './parts.ts'

/** Who is told what a store does. */
export class Observers {
  readonly #observers = new Set<StoreObserver>()

  add(observer: StoreObserver): Disposable {
    this.#observers.add(observer)
    return { [Symbol.dispose]: () => void this.#observers.delete(observer) }
  }

  tell(what: (observer: StoreObserver) => void): void {
    for (const observer of this.#observers) what(observer)
  }

  /** Each look-up is told, so that no function is made for it. */
  stored(store: string, op: string, seconds: number): void {
    for (const observer of this.#observers) observer.stored(store, op, seconds)
  }

  get some(): boolean {
    return this.#observers.size > 0
  }
}

/** What a store in this process tells of itself. */
export function telemetryOf(parts: Parts, observers: Observers): Telemetry {
  return {
    observe: (observer) => observers.add(observer),
    async standing(options) {
      const call = callOf(options)
      const snapshot = await parts.snapshots.current(call)
      const stored = await storedOf(parts, snapshot, call)
      const caughtUp = await caughtUpTo(parts, stored, call)
      const standing: ViewStanding[] = []
      for (const [i, each] of stored.entries()) {
        const { name, source } = each.generation.resolved
        if (snapshot.views.get(name)?.serving?.generation !== each.generation.generation) continue
        const [success] = await parts.runLog.runs({ view: name, state: 'succeeded', limit: 1 }, call)
        standing.push({
          view: name,
          pushSource: source.type === 'push' ? source.name : null,
          newestEvent: each.marks.held?.newestEvent ?? null,
          ttlUs: each.generation.resolved.ttlUs,
          freshnessUs: snapshot.definitions.views.get(name)?.freshnessUs ?? null,
          caughtUpTo: caughtUp[i] ?? 0n,
          lastSuccess: success?.endedAt ?? null,
        })
      }
      return standing
    },
  }
}

/** Records of the log looked at: the first one that waits tells how long, and it is seldom far. */
const lookedAt = 100

/** For each generation: up to which created time all that was pushed is known to be online; now where nothing waits. */
async function caughtUpTo(parts: Parts, stored: readonly Stored[], call: Call): Promise<bigint[]> {
  const now = parts.clock.now()
  const upTo = stored.map(() => now)
  const head = await parts.log.head(call)
  const cursors = stored.map(({ marks }) => marks.cursor ?? 0n)
  const from = cursors.reduce((least, each) => (each < least ? each : least), head)
  const waiting = new Set(stored.keys())
  let looked = 0
  for await (const { position, record } of parts.log.changes({ from, before: head }, call)) {
    looked += 1
    if (looked > lookedAt || waiting.size === 0) break
    const [first] = record.rows
    if (record.to === 'offline' || first === undefined) continue
    for (const i of waiting) {
      const generation = stored[i]?.generation
      if (generation === undefined || position < (cursors[i] ?? 0n) || !concerns(record.target, generation.resolved))
        continue
      waiting.delete(i)
      upTo[i] = first.created
    }
  }
  return upTo
}

/** The online store, each of whose operations is told to observers with the time that it took. */
export function timedOnline(online: OnlineStore, config: Config, observers: Observers): OnlineStore {
  const store = 'cluster' in config.online ? 'redis' : (/^\w+(?=:\/\/)/.exec(config.online.url)?.[0] ?? 'lmdb')
  const tell = (op: string, startedMs: number): void => {
    const seconds = (performance.now() - startedMs) / 1000
    observers.stored(store, op, seconds)
  }
  const timed = async <T>(op: string, work: () => Promise<T>): Promise<T> => {
    const startedMs = performance.now()
    try {
      return await work()
    } finally {
      tell(op, startedMs)
    }
  }
  const toldAtEnd = <T>(found: Promise<T>, startedMs: number): Promise<T> =>
    found.finally(() => tell('read', startedMs))
  return {
    ...online,
    read(requests, call) {
      if (!observers.some) return online.read(requests, call)
      const startedMs = performance.now()
      const found = online.read(requests, call)
      if (found instanceof Promise) return toldAtEnd(found, startedMs)
      tell('read', startedMs)
      return found
    },
    write: async (space, rows, call) => timed('write', async () => online.write(space, rows, call)),
    sweep: async (space, rule, after, call) => timed('sweep', async () => online.sweep(space, rule, after, call)),
    drop: async (space, call) => timed('drop', async () => online.drop(space, call)),
  }
}
