import type { FastifyBaseLogger } from 'fastify'
import type { Store } from '../contract/store.ts'
import type { RequestLimits } from '../define/request-limits.ts'
import type { HistoricalTurns } from './historical-turns.ts'
import type { Metrics } from './metrics.ts'
import type { UploadFolder } from './upload-folder.ts'

/** Which files an apply over HTTP may name. */
export interface SourceRoots {
  /** The repository's folder, absolute: relative paths are relative to it. */
  readonly dir: string
  /** Folders, absolute, beside it. */
  readonly dataRoots: readonly string[]
}

/** What the handlers of all routes share. */
export interface ServerContext {
  readonly store: Store
  readonly log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>
  readonly metrics: Metrics
  /** Whether a spine may be SQL. */
  readonly sql: boolean
  readonly roots: SourceRoots
  readonly limits: RequestLimits
  readonly turns: HistoricalTurns
  readonly uploads: UploadFolder
  /** What ends requests under way when the server stops waiting for them. */
  readonly underway: Set<AbortController>
  /** Whether the server takes no new requests any more. */
  readonly isClosing: () => boolean
}
