import { resolve } from 'node:path'
import type { Store } from '../contract/store.ts'
import { loadConfig } from '../definitions/load-files.ts'
import { type RunningServer, startServer } from './start.ts'

/** Where a store is served, and whether this process works for it too; what is left out is taken from provender.yaml. */
export interface ServeOptions {
  readonly host?: string | undefined
  /** 0 takes a free one. */
  readonly port?: number | undefined
  /** Whether the push log is brought online in the background; it is unless said. */
  readonly background?: boolean
}

/** Between two rounds of bringing the push log online. */
const backgroundMs = 2000

/**
 * Serves the store of a repository folder by the settings of the folder.
 * @throws USAGE where it cannot listen there; NO_REPOSITORY; the errors of the configuration.
 */
export async function serveRepository(store: Store, dir: string, options: ServeOptions): Promise<RunningServer> {
  const { server } = loadConfig(dir)
  return startServer(store, {
    host: options.host ?? server.host,
    port: options.port ?? server.port,
    sql: server.sql,
    limits: server.limits,
    roots: { dir: resolve(dir), dataRoots: server.dataRoots },
    ...(options.background === false ? {} : { backgroundMs }),
  })
}
