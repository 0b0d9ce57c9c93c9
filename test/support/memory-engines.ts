import type { Engines } from '../../src/compose/engines.ts'
import { type MemoryMetadataStore, openMemoryMetadata } from '../../src/engines/memory/metadata.ts'
import { type MemoryFile, type MemoryOffline, openMemoryOffline } from '../../src/engines/memory/offline.ts'
import type { MemoryOnline } from '../../src/engines/memory/online.ts'
import type { MemoryPushLog } from '../../src/engines/memory/push-log.ts'
import type { Clock } from '../../src/kernel/clock.ts'

/** What processes share that work on one store in memory. */
export interface MemoryStores {
  readonly metadata: MemoryMetadataStore
  readonly log: MemoryPushLog
  readonly online: MemoryOnline
  /** By source. */
  readonly files: ReadonlyMap<string, MemoryFile[]>
}

/** Handles on stores in memory, as one process opens them. */
export function memoryEngines(
  { metadata, log, online, files }: MemoryStores,
  clock: Clock,
): Engines & { readonly offline: MemoryOffline } {
  const ports = openMemoryMetadata(metadata, clock)
  const pushLog = log.open()
  const offline = openMemoryOffline(pushLog)
  for (const [source, tables] of files) offline.files.set(source, tables)
  const handle = online.open()
  return {
    registry: ports.registry,
    runLog: ports.runLog,
    offline,
    log: pushLog,
    online: handle,
    marks: handle,
    async [Symbol.asyncDispose]() {
      for (const part of [ports, offline, pushLog, handle]) await part[Symbol.asyncDispose]()
    },
  }
}
