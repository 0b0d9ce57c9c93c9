import { composeStore } from '../../src/compose/store.ts'
import type { Engines } from '../../src/compose/engines.ts'
import type { Config } from '../../src/define/config.ts'
import type { WireDefinitions } from '../../src/define/definition.ts'
import { type Clock, manualClock } from '../../src/kernel/clock.ts'
import { openMemoryMetadata, memoryMetadataStore, type MemoryMetadataStore } from '../../src/engines/memory/metadata.ts'
import { type MemoryFile, openMemoryOffline } from '../../src/engines/memory/offline.ts'
import { memoryOnline, type OnlineImage } from '../../src/engines/memory/online.ts'
import { memoryPushLog } from '../../src/engines/memory/push-log.ts'
import type { Store } from '../../src/contract/store.ts'
import type { RunLog } from '../../src/ports/run-log.ts'
import type { RunPoint } from '../../src/materialize/deps.ts'
import type { Value } from '../../src/values/value.ts'

/** 2026-01-01T00:00:00Z: where simulated time begins. */
const epoch = 1_767_225_600_000_000n
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
  store: Store
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

/** The configuration of a world whose engines are opened by hand. */
export const config: Config = {
  project: 'world',
  dir: '/world',
  metadata: ':memory:',
  offline: { url: ':memory:', replicas: [] },
  online: { url: ':memory:' },
  server: { host: '127.0.0.1', port: 0, workers: 1, sql: false, dataRoots: [] },
  auth: 'none',
}

/** Where the source's files lie in the memory world. */
export const memoryPath = '/world/things'

/** A world on the memory engines. `watched` may put itself between the stores and their run log. */
export async function memoryWorld(watched = (runLog: RunLog): RunLog => runLog): Promise<MemoryWorld> {
  const clock = manualClock(epoch)
  const online = memoryOnline()
  const log = memoryPushLog()
  const tables: MemoryFile[] = []
  let metadata: MemoryMetadataStore = memoryMetadataStore()
  let imageOnline: OnlineImage | undefined
  let imageMetadata: MemoryMetadataStore | undefined
  let inode = 0n
  let reachedCount = 0
  const open = (): Store => {
    const ports = openMemoryMetadata(metadata, clock)
    const pushLog = log.open()
    const offline = openMemoryOffline(pushLog)
    offline.files.set('things', tables)
    const handle = online.open()
    const engines: Engines = {
      registry: ports.registry,
      runLog: watched(ports.runLog),
      offline,
      log: pushLog,
      online: handle,
      marks: handle,
      async [Symbol.asyncDispose]() {
        for (const part of [ports, offline, pushLog, handle]) await part[Symbol.asyncDispose]()
      },
    }
    return composeStore(config, engines, { clock, waits: { switchMs: -1, pollMs: 1 }, reached })
  }
  const reached = (point: RunPoint): void => {
    world.onReached?.(point)
    if (world.crashAt?.point !== point || ++reachedCount < world.crashAt.nth) return
    world.crashAt = null
    reachedCount = 0
    world.crashed++
    throw new Crash(`Killed at ${point}`)
  }
  const world: MemoryWorld = {
    clock,
    store: open(),
    crashAt: null,
    onReached: null,
    crashed: 0,
    async writeFile(name, rows) {
      putFile(
        tables,
        `${memoryPath}/${name}`,
        rows === null
          ? null
          : {
              sizeBytes: rows.length,
              mtimeUs: clock.now(),
              inode: ++inode,
              columns: fileColumns,
              rows: rows.map(fileValues),
            },
      )
    },
    files: () => tables.map((t) => t.path.slice(memoryPath.length + 1)),
    async backupOnline() {
      imageOnline = online.snapshot()
    },
    async restoreOnline(backup) {
      online.restore(backup ? imageOnline : undefined)
    },
    async backupMetadata() {
      imageMetadata = copyOf(metadata)
    },
    async restoreMetadata() {
      await world.store[Symbol.asyncDispose]()
      metadata = imageMetadata === undefined ? memoryMetadataStore() : copyOf(imageMetadata)
      world.store = open()
    },
    reopen() {
      world.store = open()
    },
    runLog: () => openMemoryMetadata(metadata, clock).runLog,
    [Symbol.asyncDispose]: () => world.store[Symbol.asyncDispose](),
  }
  return world
}

function putFile(tables: MemoryFile[], path: string, file: Omit<MemoryFile, 'path'> | null): void {
  const i = tables.findIndex((t) => t.path === path)
  if (i >= 0) tables.splice(i, 1)
  if (file !== null) tables.push({ path, ...file })
}

/** Documents are immutable, so the maps are all that is copied. */
const copyOf = (store: MemoryMetadataStore): MemoryMetadataStore => ({
  versions: [...store.versions],
  states: new Map(store.states),
  leases: new Map(),
  runs: new Map(store.runs),
  changes: store.changes + 1000,
})
