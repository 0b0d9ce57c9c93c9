import type { WireDefinitions } from '../../src/define/definition.ts'
import type { Clock } from '../../src/kernel/clock.ts'
import type { Store } from '../../src/contract/store.ts'
import type { RunLog } from '../../src/ports/run-log.ts'
import type { RunPoint, Waits } from '../../src/materialize/deps.ts'
import type { PutBack, StoreUnderTest } from '../../src/testing/store.ts'
import type { Value } from '../../src/values/value.ts'
import { openMemoryStore } from '../support/memory-store.ts'

export const second = 1_000_000n

/** A row of a file: key, event time, created time, two columns. */
export interface FileRow {
  readonly k: number
  readonly at: bigint
  readonly seen: bigint | null
  readonly v: bigint | null
  readonly w: bigint | null
}

/** A store that can be harmed: files that change, an online store that is wiped or restored, metadata that is restored. */
export interface World extends AsyncDisposable {
  readonly clock: Clock & { set(instant: bigint): void }
  /** The open store: another object after metadata was restored. */
  readonly store: Store
  /** The next run ends where it reaches this point for the nth time, as if its process had been killed. */
  crashAt: { point: RunPoint; nth: number } | null
  /** How many crashes have happened. */
  crashed: number
  /** Writes a file of the source, or removes it. */
  writeFile(name: string, rows: readonly FileRow[] | null): Promise<void>
  files(): readonly string[]
  backupOnline(): Promise<void>
  /** Without a backup: an empty store. */
  restoreOnline(backup: boolean): Promise<void>
  backupMetadata(): Promise<void>
  /** Restores the last backup of metadata, with all processes stopped. */
  restoreMetadata(): Promise<void>
}

/** A world whose parts can be reached from outside. */
export interface MemoryWorld extends World {
  /** Told of each point that a run reaches. */
  onReached: ((point: RunPoint) => void) | null
  /** Opens another store in the place of one that was closed. */
  reopen(): void
  /** The run log, as another process would open it. */
  runLog(): RunLog
}

/** What a simulated crash throws. */
export class Crash extends Error {}

/** The definitions that the world moves between. */
export function definitionsOf(variant: Variant, path: string): WireDefinitions {
  return {
    entities: { thing: { keys: { k: 'int64' } } },
    sources: { things: { type: 'parquet', path, timestamp: 'at', created: 'seen' } },
    views:
      variant.view === false
        ? {}
        : {
            view: {
              entities: ['thing'],
              source: 'things',
              ...(variant.ttl === null ? {} : { ttl: variant.ttl }),
              features: {
                v: { type: 'int64', column: variant.swapped ? 'w' : 'v' },
                ...(variant.second ? { w: 'int64' } : {}),
              },
            },
          },
    on_demand: {},
    services: {},
  }
}

/** One set of definitions. */
export interface Variant {
  readonly view: boolean
  readonly ttl: string | null
  readonly second: boolean
  readonly swapped: boolean
}

export const firstVariant: Variant = Object.freeze({ view: true, ttl: null, second: false, swapped: false })

export const fileColumns = [
  { name: 'k', type: 'int64' },
  { name: 'at', type: 'timestamp' },
  { name: 'seen', type: 'timestamp' },
  { name: 'v', type: 'int64' },
  { name: 'w', type: 'int64' },
] as const

export const fileValues = (row: FileRow): (Value | null)[] => [BigInt(row.k), row.at, row.seen, row.v, row.w]

/** Where the source's files lie in the memory world. */
export const memoryPath = '/world/things'

/** A world over a store that can be harmed. `told` hears of each point that a run reaches. */
export async function worldOver(
  under: StoreUnderTest,
  told: (point: RunPoint) => void = () => undefined,
): Promise<World> {
  const files = new Set<string>()
  let online: PutBack | undefined
  let metadata = await under.backupMetadata()
  let reached = 0
  const world: World = {
    clock: under.clock,
    get store() {
      return under.store
    },
    crashAt: null,
    crashed: 0,
    async writeFile(name, rows) {
      if (rows === null) files.delete(name)
      else files.add(name)
      await under.put('things', name, rows === null ? null : { columns: fileColumns, rows: rows.map(fileValues) })
    },
    files: () => [...files],
    async backupOnline() {
      online = await under.backupOnline()
    },
    restoreOnline: async (backup) => (backup && online !== undefined ? online() : under.wipeOnline()),
    async backupMetadata() {
      metadata = await under.backupMetadata()
    },
    restoreMetadata: async () => metadata(),
    [Symbol.asyncDispose]: () => under[Symbol.asyncDispose](),
  }
  under.onPhase((phase) => {
    const point = phase as RunPoint
    told(point)
    if (world.crashAt?.point !== point || ++reached < world.crashAt.nth) return
    world.crashAt = null
    reached = 0
    world.crashed++
    throw new Crash(`Killed at ${point}`)
  })
  return world
}

/** A world on the memory engines. `watched` may put itself between the stores and their run log; `waits` differ from the usual. */
export async function memoryWorld(watched?: (runLog: RunLog) => RunLog, waits?: Partial<Waits>): Promise<MemoryWorld> {
  const under = await openMemoryStore(watched, waits)
  const world = await worldOver(under, (point) => memory.onReached?.(point))
  const memory: MemoryWorld = Object.assign(world, {
    onReached: null,
    reopen: () => under.reopen(),
    runLog: () => under.runLog(),
  })
  return memory
}
