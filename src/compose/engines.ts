import { join } from 'node:path'
import type { Config } from '../define/config.ts'
import type { Clock } from '../kernel/clock.ts'
import { fail } from '../kernel/errors.ts'
import type { OnlineMarks } from '../ports/marks.ts'
import type { OfflineStore } from '../ports/offline.ts'
import type { OnlineStore } from '../ports/online.ts'
import type { PushLog } from '../ports/push-log.ts'
import type { Registry } from '../ports/registry.ts'
import type { RunLog } from '../ports/run-log.ts'

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
 * Opens the engines that a configuration names, each loaded only when it is named. What was opened is closed again where one fails.
 * @param processes how many processes of one server share the machine
 */
export async function openEngines(config: Config, clock: Clock, processes = 1): Promise<Engines> {
  const opened = new AsyncDisposableStack()
  try {
    const metadata = opened.use(await openMetadataOf(config.metadata, clock))
    const offline = opened.use(await openOfflineOf(config, processes))
    const online = opened.use(await openOnlineOf(config.online))
    const stack = opened.move()
    return {
      ...metadata,
      offline: offline.offline,
      log: offline.log,
      online,
      marks: online,
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    }
  } catch (thrown) {
    await opened.disposeAsync()
    throw thrown
  }
}

async function openMetadataOf(place: string, clock: Clock) {
  if (place.includes('://')) throw unsupported('metadata', place)
  const [{ openSqlite }, { openMetadata }] = await Promise.all([
    import('../engines/sqlite/open.ts'),
    import('../metadata/open.ts'),
  ])
  return openMetadata(await openSqlite(place), clock)
}

async function openOfflineOf(config: Config, processes: number) {
  const place = config.offline.url
  if (place.includes('://')) throw unsupported('offline', place)
  const [{ openDuckdbOffline }, { openPushLog }] = await Promise.all([
    import('../engines/duckdb/offline.ts'),
    import('../engines/duckdb/push-log/push-log.ts'),
  ])
  const opened = new AsyncDisposableStack()
  try {
    const log = opened.use(await openPushLog(join(place, 'log')))
    const offline = opened.use(await openDuckdbOffline({ dir: place, repositoryDir: config.dir, log, processes }))
    const stack = opened.move()
    return { offline, log, [Symbol.asyncDispose]: () => stack.disposeAsync() }
  } catch (thrown) {
    await opened.disposeAsync()
    throw thrown
  }
}

async function openOnlineOf(place: Config['online']) {
  if ('cluster' in place) throw unsupported('online', place.cluster.join(', '))
  if (place.url.includes('://')) throw unsupported('online', place.url)
  const { openLmdbOnline } = await import('../engines/lmdb/online.ts')
  return openLmdbOnline(place.url)
}

const unsupported = (setting: string, place: string): Error =>
  fail('UNSUPPORTED', `This release has no engine for  ${setting}: ${place.replace(/\/\/[^@/]*@/, '//…@')}`, {
    remedy: `Use a path: the embedded engine keeps ${setting} in files.`,
  })
