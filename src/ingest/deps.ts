import type { Clock } from '../kernel/clock.ts'
import type { OfflineStore } from '../ports/offline.ts'
import type { OnlineStore } from '../ports/online.ts'
import type { PushLog } from '../ports/push-log.ts'
import type { Snapshots } from '../ports/snapshots.ts'

/** What the verbs of ingest work on. */
export interface IngestDeps {
  readonly snapshots: Snapshots
  readonly log: PushLog
  readonly online: OnlineStore
  /** Asked for the columns of sources that declare none. */
  readonly offline: Pick<OfflineStore, 'describe'>
  readonly clock: Clock
  /** Rows of one call, at most; `limits.batchRows` unless given. */
  readonly batchRows?: number
}
