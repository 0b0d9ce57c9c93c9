import { openEmbeddedStore } from '../support/embedded-store.ts'
import { type World, worldOver } from './world.ts'

/** Where the source's files lie in the embedded world, relative to its folder. */
export const embeddedPath = 'things'

/**
 * A world on DuckDB over Parquet files, LMDB and SQLite, in a folder of its own. The online store is replaced under the open
 * store; metadata is put back while it is closed.
 */
export const embeddedWorld = async (): Promise<World> => worldOver(await openEmbeddedStore())
