import { isAbsolute, join } from 'node:path'
import type { Config } from '../define/config.ts'
import { duckdbCan } from '../engines/duckdb/can.ts'
import type { Readers } from '../engines/lmdb/readers.ts'
import type { Clock } from '../kernel/clock.ts'
import { fail } from '../kernel/errors.ts'
import type { OnlineMarks } from '../ports/marks.ts'
import type { OfflineStore } from '../ports/offline.ts'
import type { OnlineStore } from '../ports/online.ts'
import type { PushLog } from '../ports/push-log.ts'
import type { Registry } from '../ports/registry.ts'
import type { RunLog } from '../ports/run-log.ts'
import { lazyLog, lazyMetadata, lazyOffline, lazyOnline } from './lazy-ports.ts'
import { openingOf } from './opening.ts'

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
  const metadata = stack.use(metadataOf(folderOf('metadata', config.metadata), clock))
  const log = stack.use(logOf(folderOf('offline', config.offline.url)))
  const offline = stack.use(offlineOf(config, log, options.processes ?? 1))
  const online = stack.use(onlineOf(config.online))
  const engines: Engines = {
    ...lazyMetadata(metadata),
    log: lazyLog(log),
    offline: lazyOffline(offline, duckdbCan),
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

const onlinePorts = (online: OnlineStore & OnlineMarks): Pick<Engines, 'online' | 'marks'> => ({
  online,
  marks: online,
})

const metadataOf = (place: string, clock: Clock) =>
  openingOf('metadata store', async () => {
    const [{ openSqlite }, { openMetadata }] = await Promise.all([
      import('../engines/sqlite/open.ts'),
      import('../metadata/open.ts'),
    ])
    return openMetadata(await openSqlite(place), clock)
  })

const logOf = (place: string) =>
  openingOf('push log', async () => {
    const { openPushLog } = await import('../engines/duckdb/push-log/push-log.ts')
    return openPushLog(join(place, 'log'))
  })

/** It reads the push log's files itself. */
const offlineOf = ({ dir, offline }: Config, log: ReturnType<typeof logOf>, processes: number) =>
  openingOf('offline store', async () => {
    const [{ openDuckdbOffline }, opened] = await Promise.all([
      import('../engines/duckdb/offline.ts'),
      log.use((found) => found),
    ])
    return openDuckdbOffline({ dir: offline.url, repositoryDir: dir, log: opened, processes })
  })

function onlineOf(place: Config['online']) {
  const folder = folderOf('online', 'cluster' in place ? place.cluster.join(', ') : place.url)
  return openingOf('online store', async () => {
    const { openLmdbOnline } = await import('../engines/lmdb/online.ts')
    return openLmdbOnline(folder)
  })
}

/** @throws UNSUPPORTED where the place is no path. */
function folderOf(setting: string, place: string): string {
  if (place.includes('://')) throw unsupported(setting, place)
  return place
}

const unsupported = (setting: string, place: string): Error =>
  fail('UNSUPPORTED', `This release has no engine for  ${setting}: ${place.replace(/\/\/[^@/]*@/, '//…@')}`, {
    remedy: `Use a path: the embedded engine keeps ${setting} in files.`,
  })
