import { resolve } from 'node:path'
import type { Store } from '../contract/store.ts'
import { loadConfig } from '../definitions/load-files.ts'
import { type Role, servedRoles } from './roles.ts'
import { type RunningServer, type ServerOptions, startServer } from './start.ts'

/** Where a store is served, and whether this process works for it too; what is left out is taken from provender.yaml. */
export interface ServeOptions {
  readonly host?: string | undefined
  /** 0 takes a free one. */
  readonly port?: number | undefined
  /** What this process does; all unless said. Without `api` it answers probes only, without `worker` it brings no push log online. */
  readonly roles?: readonly Role[]
  /** How long it goes on as ever once it is closed, saying that it is not ready; 0 unless said. */
  readonly drainWaitMs?: number
}

/** Whether this is one of several processes of a server. */
export type OneOfSeveral = Pick<ServerOptions, 'among'>

/** Between two rounds of bringing the push log online. */
const backgroundMs = 2000

/**
 * Serves the store of a repository folder by the settings of the folder.
 * @throws USAGE where it cannot listen there; NO_REPOSITORY; the errors of the configuration.
 */
export async function serveRepository(
  store: Store,
  dir: string,
  options: ServeOptions & OneOfSeveral,
): Promise<RunningServer> {
  const { server } = loadConfig(dir)
  return startServer(store, {
    host: options.host ?? server.host,
    port: options.port ?? server.port,
    sql: server.sql,
    limits: server.limits,
    roots: { dir: resolve(dir), dataRoots: server.dataRoots },
    roles: options.roles ?? servedRoles,
    drainWaitMs: options.drainWaitMs ?? 0,
    among: options.among,
    // Once is enough: more of them would only be in each other's way.
    ...((options.among?.worker ?? 1) === 1 ? { backgroundMs } : {}),
  })
}
