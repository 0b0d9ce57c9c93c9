import type { OfflineStore } from '../ports/offline.ts'
import type { OnlineMarks } from '../ports/marks.ts'
import type { OnlineStore } from '../ports/online.ts'
import type { PushLog } from '../ports/push-log.ts'
import type { Registry } from '../ports/registry.ts'
import type { RunLog } from '../ports/run-log.ts'
import type { Opening } from './opening.ts'

/** The metadata ports of one store. */
export type Metadata = AsyncDisposable & { readonly registry: Registry; readonly runLog: RunLog }

/** The metadata ports of a store that is opened by the first call. */
export function lazyMetadata(opening: Opening<Metadata>): Metadata {
  const close = () => opening[Symbol.asyncDispose]()
  return {
    registry: {
      snapshot: async (...asked) => opening.use(({ registry }) => registry.snapshot(...asked)),
      read: async (...asked) => opening.use(({ registry }) => registry.read(...asked)),
      versions: async (...asked) => opening.use(({ registry }) => registry.versions(...asked)),
      commit: async (...asked) => opening.use(({ registry }) => registry.commit(...asked)),
      [Symbol.asyncDispose]: close,
    },
    runLog: {
      acquire: async (...asked) => opening.use(({ runLog }) => runLog.acquire(...asked)),
      renew: async (...asked) => opening.use(({ runLog }) => runLog.renew(...asked)),
      readState: async (...asked) => opening.use(({ runLog }) => runLog.readState(...asked)),
      writeState: async (...asked) => opening.use(({ runLog }) => runLog.writeState(...asked)),
      putRun: async (...asked) => opening.use(({ runLog }) => runLog.putRun(...asked)),
      runs: async (...asked) => opening.use(({ runLog }) => runLog.runs(...asked)),
      [Symbol.asyncDispose]: close,
    },
    [Symbol.asyncDispose]: close,
  }
}

/** The offline store, opened by the first call; what it can is known before. */
export const lazyOffline = (opening: Opening<OfflineStore>, can: OfflineStore['can']): OfflineStore => ({
  can,
  describe: async (...asked) => opening.use((offline) => offline.describe(...asked)),
  query: async (...asked) => opening.use((offline) => offline.query(...asked)),
  load: async (...asked) => opening.use((offline) => offline.load(...asked)),
  [Symbol.asyncDispose]: () => opening[Symbol.asyncDispose](),
})

/** The push log, opened by the first call. */
export const lazyLog = (opening: Opening<PushLog>): PushLog => ({
  append: async (...asked) => opening.use((log) => log.append(...asked)),
  head: async (...asked) => opening.use((log) => log.head(...asked)),
  async *changes(...asked) {
    const { records } = await opening.use((log) => ({ records: log.changes(...asked) }))
    yield* records
  },
  lookup: async (...asked) => opening.use((log) => log.lookup(...asked)),
  deadLetters: async (...asked) => opening.use((log) => log.deadLetters(...asked)),
  maintain: async (...asked) => opening.use((log) => log.maintain(...asked)),
  [Symbol.asyncDispose]: () => opening[Symbol.asyncDispose](),
})

/** The online store and its marks, opened by the first call; later ones are answered as fast as the store answers. */
export const lazyOnline = (opening: Opening<OnlineStore & OnlineMarks>): OnlineStore & OnlineMarks => ({
  read: (...asked) => opening.use((online) => online.read(...asked)),
  write: async (...asked) => opening.use((online) => online.write(...asked)),
  sweep: async (...asked) => opening.use((online) => online.sweep(...asked)),
  drop: async (...asked) => opening.use((online) => online.drop(...asked)),
  schemas: async (...asked) => opening.use((online) => online.schemas(...asked)),
  readMarks: async (...asked) => opening.use((online) => online.readMarks(...asked)),
  birth: async (...asked) => opening.use((online) => online.birth(...asked)),
  moveCursor: async (...asked) => opening.use((online) => online.moveCursor(...asked)),
  swapStamp: async (...asked) => opening.use((online) => online.swapStamp(...asked)),
  [Symbol.asyncDispose]: () => opening[Symbol.asyncDispose](),
})
