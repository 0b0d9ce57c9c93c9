import { composeStore } from '../../src/compose/store.ts'
import type { Store } from '../../src/contract/store.ts'
import { type MemoryMetadataStore, memoryMetadataStore, openMemoryMetadata } from '../../src/engines/memory/metadata.ts'
import type { MemoryFile } from '../../src/engines/memory/offline.ts'
import { memoryOnline } from '../../src/engines/memory/online.ts'
import { memoryPushLog } from '../../src/engines/memory/push-log.ts'
import { manualClock } from '../../src/kernel/clock.ts'
import type { Waits } from '../../src/materialize/deps.ts'
import type { RunLog } from '../../src/ports/run-log.ts'
import type { StoreUnderTest } from 'provender/testing'
import { memoryConfig } from './config.ts'
import { memoryEngines } from './memory-engines.ts'

/** 2026-01-01T00:00:00Z: where the time of a store under test begins. */
export const epoch = 1_767_225_600_000_000n

/** Nobody else's registry is old, and nobody else's lease is waited for long. */
const shortWaits = { switchMs: -1, pollMs: 1 }

/** A store on the memory engines, whose parts can be reached from outside. */
export interface MemoryStoreUnderTest extends StoreUnderTest {
  /** Opens another store in the place of one that was closed. */
  reopen(): void
  /** The run log, as another process would open it. */
  runLog(): RunLog
}

/** A store on the memory engines. `watched` may put itself between it and its run log; `waits` differ from the usual. */
export async function openMemoryStore(
  watched = (runLog: RunLog): RunLog => runLog,
  waits: Partial<Waits> = {},
): Promise<MemoryStoreUnderTest> {
  const clock = manualClock(epoch)
  const online = memoryOnline()
  const log = memoryPushLog()
  const files = new Map<string, MemoryFile[]>()
  let metadata: MemoryMetadataStore = memoryMetadataStore()
  let inode = 0n
  let hook: ((phase: string) => void) | null = null
  /** The files as the open offline store sees them. */
  let seen = files
  const open = (): Store => {
    const engines = memoryEngines({ metadata, log, online, files }, clock)
    seen = engines.offline.files
    const runLog = watched(engines.runLog)
    return composeStore(
      memoryConfig,
      { ...engines, runLog },
      {
        clock,
        waits: { ...shortWaits, ...waits },
        reached: (phase) => hook?.(phase),
      },
    )
  }
  let store = open()
  return {
    get store() {
      return store
    },
    clock,
    can: { files: true, sql: false, parquet: false },
    async put(source, file, table) {
      const path = `/memory/${source}/${file}`
      const tables = (files.get(source) ?? []).filter((t) => t.path !== path)
      if (table !== null)
        tables.push({ ...table, path, sizeBytes: table.rows.length, mtimeUs: clock.now(), inode: ++inode })
      files.set(source, tables)
      seen.set(source, tables)
    },
    async backupOnline() {
      const image = online.snapshot()
      return async () => online.restore(image)
    },
    async wipeOnline() {
      online.restore()
    },
    async backupMetadata() {
      const image = copyOf(metadata)
      return async () => {
        await store[Symbol.asyncDispose]()
        metadata = copyOf(image)
        store = open()
      }
    },
    reopen() {
      store = open()
    },
    runLog: () => openMemoryMetadata(metadata, clock).runLog,
    onPhase(next) {
      hook = next
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

/** Documents are immutable, so the maps are all that is copied. No token of before stands for what is there now. */
const copyOf = (store: MemoryMetadataStore): MemoryMetadataStore => ({
  versions: [...store.versions],
  states: new Map(store.states),
  leases: new Map(),
  runs: new Map(store.runs),
  changes: store.changes + 1000,
})
