import type { FileIdentity } from '../values/file-identity.ts'
import type { Interval } from '../values/intervals.ts'

/** What has been materialized of one revision: event-time intervals, and what they rest on. */
export interface Coverage {
  readonly revision: bigint
  readonly intervals: readonly Interval[]
  /** Ids of `KnownFile`s whose rows within the intervals are online. */
  readonly files: readonly number[]
  /** Log records below it with an event time within the intervals are online. */
  readonly position: bigint
}

/** A file that a begun attempt has listed. */
export interface KnownFile extends FileIdentity {
  readonly id: number
}

/** What runs have done to one generation. */
export interface GenerationProgress {
  readonly generation: bigint
  /** The last attempt that finished; 0n at birth. */
  readonly finished: bigint
  /** Attempts begun after the last finished one, ascending. */
  readonly begun: readonly bigint[]
  readonly known: readonly KnownFile[]
  /** The log position that the last begun attempt read up to; what a `sql` source was computed from. */
  readonly knownPosition: bigint
  readonly coverage: readonly Coverage[]
}

/** What runs have done to a view: its generations that still exist. */
export interface Progress {
  /** The greatest attempt number ever used for the view. */
  readonly lastAttempt: bigint
  readonly generations: readonly GenerationProgress[]
}

/** A view that no run has touched. */
export const noProgress: Progress = Object.freeze({ lastAttempt: 0n, generations: Object.freeze([]) })
