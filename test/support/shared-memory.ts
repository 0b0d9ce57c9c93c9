import type { Engines } from '../../src/compose/engines.ts'
import { composeStore } from '../../src/compose/store.ts'
import type { Store } from '../../src/contract/store.ts'
import { type MemoryMetadataStore, memoryMetadataStore } from '../../src/engines/memory/metadata.ts'
import type { MemoryFile } from '../../src/engines/memory/offline.ts'
import { type MemoryOnline, memoryOnline } from '../../src/engines/memory/online.ts'
import { memoryPushLog } from '../../src/engines/memory/push-log.ts'
import { type Clock, manualClock } from '../../src/kernel/clock.ts'
import type { RunPoint, Waits } from '../../src/materialize/deps.ts'
import { memoryConfig } from './config.ts'
import { memoryEngines } from './memory-engines.ts'
import { epoch } from './memory-store.ts'

/** How one of the stores differs from the others. */
export interface Opened {
  /** Puts itself between the store and its engines. */
  readonly around?: (engines: Engines) => Partial<Engines>
  readonly reached?: (point: RunPoint) => void
  readonly waits?: Partial<Waits>
  readonly clock?: Clock
  /** Whether it is that of a server. */
  readonly serves?: boolean
}

/** Stores in memory that any number of processes open. */
export interface SharedMemory {
  readonly clock: Clock & { set(instant: bigint): void }
  readonly online: MemoryOnline
  readonly metadata: MemoryMetadataStore
  /** Writes a file of a source, or removes it. */
  put(source: string, file: string, table: Pick<MemoryFile, 'columns' | 'rows'> | null): void
  open(opened?: Opened): Store
}

/** Opens the stores, with nothing in them. A new generation may serve at once, unless a store waits longer. */
export function sharedMemory(): SharedMemory {
  const clock = manualClock(epoch)
  const online = memoryOnline()
  const log = memoryPushLog()
  const metadata = memoryMetadataStore()
  const files = new Map<string, MemoryFile[]>()
  let inode = 0n
  /** The files as each open offline store sees them. */
  const seen: Map<string, MemoryFile[]>[] = [files]
  return {
    clock,
    online,
    metadata,
    put(source, file, table) {
      const tables = files.get(source) ?? []
      for (const each of seen) each.set(source, tables)
      const path = `/memory/${source}/${file}`
      const i = tables.findIndex((each) => each.path === path)
      if (i >= 0) tables.splice(i, 1)
      if (table === null) return
      tables.push({ ...table, path, sizeBytes: table.rows.length, mtimeUs: clock.now(), inode: ++inode })
    },
    open({ around = () => ({}), reached, waits = {}, clock: own = clock, serves = false } = {}) {
      const engines = memoryEngines({ metadata, log, online, files }, own)
      seen.push(engines.offline.files)
      const options = { clock: own, serves, waits: { switchMs: -1, pollMs: 1, ...waits } }
      return composeStore(
        memoryConfig,
        { ...engines, ...around(engines) },
        reached === undefined ? options : { ...options, reached },
      )
    },
  }
}
