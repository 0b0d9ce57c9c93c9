import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { manualClock } from '../../src/kernel/clock.ts'
import type { DefinitionsDeps } from '../../src/definitions/deps.ts'
import { type LiveSnapshots, noticed, openSnapshots } from '../../src/definitions/snapshots.ts'
import { memoryMetadataStore, openMemoryMetadata } from '../../src/engines/memory/metadata.ts'
import { type MemoryFile, type MemoryOffline, openMemoryOffline } from '../../src/engines/memory/offline.ts'
import { memoryOnline } from '../../src/engines/memory/online.ts'
import { memoryPushLog } from '../../src/engines/memory/push-log.ts'
import { openSqlite } from '../../src/engines/sqlite/open.ts'
import { openMetadata } from '../../src/metadata/open.ts'
import type { OnlineMarks } from '../../src/ports/marks.ts'
import type { OnlineStore } from '../../src/ports/online.ts'
import type { RunLog } from '../../src/ports/run-log.ts'

/** One process of a repository whose offline and online stores are in memory. */
export interface Process extends DefinitionsDeps {
  readonly runLog: RunLog
  readonly snapshots: LiveSnapshots
  readonly offline: MemoryOffline
  readonly marks: OnlineStore & OnlineMarks
}

export interface World extends AsyncDisposable {
  readonly clock: ReturnType<typeof manualClock>
  open(): Promise<Process>
}

export const worldStart = 1_767_225_600_000_000n

/** A repository whose metadata is kept in memory or in a SQLite file of its own. */
export function openWorld(metadata: 'memory' | 'sqlite'): World {
  const clock = manualClock(worldStart)
  const inMemory = memoryMetadataStore()
  const dir = mkdtempSync(join(tmpdir(), 'provender-'))
  const online = memoryOnline()
  const log = memoryPushLog()
  const opened = new AsyncDisposableStack()
  return {
    clock,
    async open() {
      const ports = opened.use(
        metadata === 'memory'
          ? openMemoryMetadata(inMemory, clock)
          : await openMetadata(await openSqlite(join(dir, 'metadata.db')), clock),
      )
      const snapshots = openSnapshots(ports)
      const offline = opened.use(openMemoryOffline(opened.use(log.open())))
      offline.files.set('flights', [flightsFile()])
      return { ...noticed(ports, snapshots), snapshots, offline, marks: opened.use(online.open()), clock }
    },
    async [Symbol.asyncDispose]() {
      await opened.disposeAsync()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** The one file of the source `flights`, with columns of other types where a test says so. */
export function flightsFile(types: Readonly<Record<string, string>> = {}): MemoryFile {
  const columns = {
    airport: 'string',
    delay: 'int32',
    miles: 'float64',
    landed_at: 'timestamp',
    loaded_at: 'timestamp',
    ...types,
  }
  return {
    path: '/data/flights.parquet',
    sizeBytes: 100,
    mtimeUs: 1n,
    inode: 1n,
    columns: Object.entries(columns).map(([name, type]) => ({
      name,
      type: type as MemoryFile['columns'][number]['type'],
    })),
    rows: [['ORD', 12, 900, 1n, 2n]],
  }
}
