import { isAbsolute, join } from 'node:path'
import type { Config } from '../define/config.ts'
import { duckdbCan } from '../engines/duckdb/can.ts'
import { postgresCan } from '../engines/postgres/can.ts'
import type { Readers } from '../engines/lmdb/readers.ts'
import type { RedisExamination } from '../engines/redis/examine.ts'
import type { Call } from '../kernel/call.ts'
import type { Clock } from '../kernel/clock.ts'
import { fail } from '../kernel/errors.ts'
import type { OnlineMarks } from '../ports/marks.ts'
import type { OfflineStore } from '../ports/offline.ts'
import type { OnlineStore } from '../ports/online.ts'
import type { PushLog } from '../ports/push-log.ts'
import type { Registry } from '../ports/registry.ts'
import type { RunLog } from '../ports/run-log.ts'
import { type Metadata, lazyLog, lazyMetadata, lazyOffline, lazyOnline } from './lazy-ports.ts'
import { type Opening, openingOf } from './opening.ts'

/** Every port that a store stands on. Disposing it disposes them all. */
export interface Engines extends AsyncDisposable {
  readonly registry: Registry
  readonly runLog: RunLog
  readonly offline: OfflineStore
  readonly log: PushLog
  readonly online: OnlineStore
  readonly marks: OnlineMarks
}

/**
 * The engines that a configuration names, each loaded and opened by the first call that needs it, or all of them now.
 * Disposing them closes those that were opened.
 * @param options.processes how many processes of one server share the machine
 * @throws UNSUPPORTED for a place that this release has no engine for; what opening throws comes from the call that opens.
 */
export async function openEngines(
  config: Config,
  clock: Clock,
  options: { readonly processes?: number; readonly eager?: boolean } = {},
): Promise<Engines> {
  const stack = new AsyncDisposableStack()
  const metadata = stack.use(metadataOf(config.metadata, clock))
  const { log, offline } = offlineOf(config, options.processes ?? 1)
  stack.use(log)
  stack.use(offline)
  const online = stack.use(onlineOf(config))
  const engines: Engines = {
    ...lazyMetadata(metadata),
    log: lazyLog(log),
    offline: lazyOffline(offline, isPostgres(config.offline.url) ? postgresCan : duckdbCan),
    ...onlinePorts(lazyOnline(online)),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
  if (options.eager !== true) return engines
  try {
    // One after another: of several that fail the first one is told, and nothing is left half open.
    for (const each of [metadata, offline, online]) await each.use(() => undefined)
    return engines
  } catch (thrown) {
    await stack.disposeAsync()
    throw thrown
  }
}

/** Who reads the online store, where an embedded engine counts them; null elsewhere. */
export async function onlineReaders({ online }: Config): Promise<Readers | null> {
  if (!('url' in online) || !isAbsolute(online.url)) return null
  const { readersOf } = await import('../engines/lmdb/readers.ts')
  return readersOf(online.url)
}

/** What the servers of the online store are and what should be otherwise, where it has any; null elsewhere. */
export async function onlineServers({ project, online }: Config, call?: Call): Promise<RedisExamination | null> {
  if (!('cluster' in online) && !isRedis(online.url)) return null
  const { examineRedis } = await import('../engines/redis/examine.ts')
  return examineRedis({ place: online, project }, call)
}

const onlinePorts = (online: OnlineStore & OnlineMarks): Pick<Engines, 'online' | 'marks'> => ({
  online,
  marks: online,
})

const isPostgres = (place: string): boolean => /^postgres(?:ql)?:\/\//.test(place)
const isRedis = (place: string): boolean => /^rediss?:\/\//.test(place)

function metadataOf(place: string, clock: Clock): Opening<Metadata> {
  if (!isPostgres(place)) demandPath('metadata', place)
  return openingOf('metadata store', async () => {
    const { openMetadata } = await import('../metadata/open.ts')
    if (isPostgres(place)) {
      const { openPostgresMetadata } = await import('../engines/postgres/metadata.ts')
      return openMetadata(openPostgresMetadata(place), clock)
    }
    const { openSqlite } = await import('../engines/sqlite/open.ts')
    return openMetadata(await openSqlite(place), clock)
  })
}

/** The push log and what reads it: they are of one engine. */
function offlineOf(
  config: Config,
  processes: number,
): { readonly log: Opening<PushLog>; readonly offline: Opening<OfflineStore> } {
  return isPostgres(config.offline.url) ? postgresOffline(config, processes) : embeddedOffline(config, processes)
}

function embeddedOffline({ dir, offline }: Config, processes: number) {
  demandPath('offline', offline.url)
  const log = openingOf('push log', async () => {
    const { openPushLog } = await import('../engines/duckdb/push-log/push-log.ts')
    return openPushLog(join(offline.url, 'log'))
  })
  /** It reads the push log's files itself. */
  const store = openingOf('offline store', async () => {
    const [{ openDuckdbOffline }, opened] = await Promise.all([
      import('../engines/duckdb/offline.ts'),
      log.use((found) => found),
    ])
    return openDuckdbOffline({ dir: offline.url, repositoryDir: dir, log: opened, processes })
  })
  return { log, offline: store }
}

/** What is in files, spines and results among it, is read and written by DuckDB. */
function postgresOffline({ dir, offline }: Config, processes: number) {
  const { url, replicas } = offline
  const log = openingOf('push log', async () => {
    const { openPostgresPushLog } = await import('../engines/postgres/push-log.ts')
    return openPostgresPushLog(url)
  })
  const local = openingOf('offline store', async () => {
    const { openDuckdbOffline } = await import('../engines/duckdb/offline.ts')
    return openDuckdbOffline({ dir: join(dir, '.provender', 'local'), repositoryDir: dir, log: null, processes })
  })
  const store = openingOf('offline store', async () => {
    const { openPostgresOffline } = await import('../engines/postgres/offline.ts')
    const opened = openPostgresOffline({ url, replicas, local: lazyOffline(local, duckdbCan) })
    const close = async (): Promise<void> => {
      await opened[Symbol.asyncDispose]()
      await local[Symbol.asyncDispose]()
    }
    return { ...opened, [Symbol.asyncDispose]: close }
  })
  return { log, offline: store }
}

function onlineOf({ project, online }: Config): Opening<OnlineStore & OnlineMarks> {
  if ('cluster' in online || isRedis(online.url))
    return openingOf('online store', async () => {
      const { openRedisOnline } = await import('../engines/redis/online.ts')
      return openRedisOnline({ place: online, project })
    })
  const { url: folder } = online
  demandPath('online', folder)
  return openingOf('online store', async () => {
    const { openLmdbOnline } = await import('../engines/lmdb/online.ts')
    return openLmdbOnline(folder)
  })
}

/** @throws UNSUPPORTED where the place is no path. */
function demandPath(setting: string, place: string): void {
  if (!place.includes('://')) return
  throw fail('UNSUPPORTED', `This release has no engine for  ${setting}: ${place.replace(/\/\/[^@/]*@/, '//…@')}`, {
    remedy: 'Use a path, postgres://… for metadata and offline, redis://… for online.',
  })
}
