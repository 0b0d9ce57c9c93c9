import type { FastifyBaseLogger } from 'fastify'
import type { Store } from '../contract/store.ts'
import type { RequestLimits } from '../define/request-limits.ts'
import type { Admission } from './admission.ts'
import type { HistoricalTurns } from './historical-turns.ts'
import type { Metrics } from './metrics.ts'
import type { Role } from './roles.ts'
import type { UploadFolder } from './upload-folder.ts'

/** Which files an apply over HTTP may name. */
export interface SourceRoots {
  /** The repository's folder, absolute: relative paths are relative to it. */
  readonly dir: string
  /** Folders, absolute, beside it. */
  readonly dataRoots: readonly string[]
}

/** Whether something works, and what is wrong with it. */
export interface Health {
  readonly ok: boolean
  readonly detail?: string
  /** It is away, and online reads go on all the same. */
  readonly degraded?: true
}

/** What the handlers of all routes share. */
export interface ServerContext {
  readonly store: Store
  readonly log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>
  readonly metrics: Metrics
  /** Whether there is room for one more request. */
  readonly admission: Admission
  readonly roles: readonly Role[]
  /** Whether a spine may be SQL. */
  readonly sql: boolean
  readonly roots: SourceRoots
  readonly limits: RequestLimits
  readonly turns: HistoricalTurns
  readonly uploads: UploadFolder
  /** What ends requests under way when the server stops waiting for them. */
  readonly underway: Set<AbortController>
  /** The text of /metrics. */
  readonly scrape: () => Promise<string>
  /** How background work goes; null where this process does none. */
  readonly background: () => Health | null
  /** Whether the server is on its way out: probes say so, all else is as ever. */
  readonly isDraining: () => boolean
  /** Whether it takes no new connections: each answer is the last on its own. */
  readonly isClosing: () => boolean
  /** Whether it waits for nothing any more. */
  readonly isStopped: () => boolean
}
