import { cp, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { openEngines } from '../../src/compose/engines.ts'
import { composeStore } from '../../src/compose/store.ts'
import type { Store } from '../../src/contract/store.ts'
import { manualClock } from '../../src/kernel/clock.ts'
import type { StoreUnderTest } from 'provender/testing'
import { embeddedConfig } from './config.ts'
import { parquetSql } from './duckdb-bench.ts'
import { epoch } from './memory-store.ts'

/** A store on DuckDB over Parquet files, LMDB and SQLite, in a folder of its own that goes with it. */
export async function openEmbeddedStore(): Promise<StoreUnderTest> {
  const dir = await mkdtemp(join(tmpdir(), 'provender-store-'))
  const config = embeddedConfig(dir)
  const onlineDir = join(dir, '.provender', 'online')
  const aside = join(dir, 'aside')
  await mkdir(aside)
  const clock = manualClock(epoch)
  const writer = await DuckDBInstance.create(':memory:')
  const connection = await writer.connect()
  let hook: ((phase: string) => void) | null = null
  let count = 0
  const placeAside = (): string => join(aside, String(++count))
  const open = async (): Promise<Store> =>
    composeStore(config, await openEngines(config, clock), {
      clock,
      waits: { switchMs: -1, pollMs: 10 },
      reached: (phase) => hook?.(phase),
    })
  let store = await open()
  /** A store that was wiped is not there until it is used again. */
  const moveOnlineAway = async (): Promise<void> => rename(onlineDir, placeAside()).catch(unlessMissing)
  return {
    get store() {
      return store
    },
    clock,
    can: { files: true, sql: true, parquet: true },
    async put(source, file, table) {
      await mkdir(join(dir, source), { recursive: true })
      const path = join(dir, source, `${file}.parquet`)
      if (table === null) return rm(path, { force: true })
      // As careful writers do it: whoever reads sees the old file or the new one.
      const written = placeAside()
      await connection.run(parquetSql(table, written))
      await rename(written, path)
    },
    async backupOnline() {
      const copy = placeAside()
      await mkdir(onlineDir, { recursive: true })
      await cp(onlineDir, copy, { recursive: true })
      return async () => {
        const again = placeAside()
        await cp(copy, again, { recursive: true })
        await moveOnlineAway()
        await rename(again, onlineDir)
      }
    },
    wipeOnline: moveOnlineAway,
    async backupMetadata() {
      const copies = placeAside()
      await mkdir(copies)
      await copyFiles(join(dir, '.provender'), copies)
      return async () => {
        await store[Symbol.asyncDispose]()
        for (const name of metadataFiles) await rm(join(dir, '.provender', name), { force: true })
        await copyFiles(copies, join(dir, '.provender'))
        store = await open()
      }
    },
    onPhase(next) {
      hook = next
    },
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]()
      connection.closeSync()
      writer.closeSync()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** SQLite's file, and its log: nobody writes while they are copied, so together they are whole. */
const metadataFiles = ['metadata.db', 'metadata.db-wal', 'metadata.db-shm']

async function copyFiles(from: string, to: string): Promise<void> {
  for (const name of metadataFiles.slice(0, 2)) await cp(join(from, name), join(to, name)).catch(unlessMissing)
}

function unlessMissing(thrown: unknown): void {
  if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT')) throw thrown
}
