import type { Clock } from '../kernel/clock.ts'
import type { OnlineMarks } from '../ports/marks.ts'
import type { OfflineStore } from '../ports/offline.ts'
import type { Registry } from '../ports/registry.ts'
import type { RunLog } from '../ports/run-log.ts'
import type { Snapshots } from '../ports/snapshots.ts'

/** What the verbs of definitions work on. Their writes must be noticed by the snapshots (`noticed`). */
export interface DefinitionsDeps {
  readonly registry: Registry
  readonly runLog: Pick<RunLog, 'readState'>
  readonly snapshots: Snapshots
  readonly offline: Pick<OfflineStore, 'describe'>
  readonly marks: Pick<OnlineMarks, 'birth'>
  /** The domain's clock. */
  readonly clock: Clock
}

/** Whom an apply is recorded under, and on which terms it is made. */
export interface ApplyTerms {
  readonly author: string
  readonly message?: string
  /** Refuse unless this is the head. */
  readonly parentVersion?: number
  readonly allowBreaking?: boolean
}
