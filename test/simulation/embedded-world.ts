import type { PutBack } from '../../src/testing/store.ts'
import { openEmbeddedStore } from '../support/embedded-store.ts'
import { Crash, type World, fileColumns, fileValues } from './world.ts'

/** Where the source's files lie in the embedded world, relative to its folder. */
export const embeddedPath = 'things'

/**
 * A world on DuckDB over Parquet files, LMDB and SQLite, in a folder of its own. The online store is replaced under the open
 * store; metadata is put back while it is closed.
 */
export async function embeddedWorld(): Promise<World> {
  const under = await openEmbeddedStore()
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
  under.onPhase((point) => {
    if (world.crashAt?.point !== point || ++reached < world.crashAt.nth) return
    world.crashAt = null
    reached = 0
    world.crashed++
    throw new Crash(`Killed at ${point}`)
  })
  return world
}
