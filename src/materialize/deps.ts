import { replacedKeptMs } from '../decide/generations.ts'
import type { Clock } from '../kernel/clock.ts'
import type { OnlineMarks } from '../ports/marks.ts'
import type { OfflineStore } from '../ports/offline.ts'
import type { OnlineStore } from '../ports/online.ts'
import type { PushLog } from '../ports/push-log.ts'
import type { Owner } from '../ports/leases.ts'
import type { RunLog, RunRecord } from '../ports/run-log.ts'
import type { Snapshots } from '../ports/snapshots.ts'
import type { Presence } from './presence.ts'

/** What materialization works with. */
export interface MaterializeDeps {
  readonly snapshots: Snapshots
  readonly runLog: RunLog
  readonly offline: OfflineStore
  readonly log: PushLog
  readonly online: OnlineStore
  readonly marks: OnlineMarks
  readonly clock: Clock
  readonly owner: Owner
  readonly isDead: (owner: Owner) => boolean
  /** The sign of life that others take this store's runs over without. */
  readonly presence: Presence
  /** Goes on with a run whose process has ended; null where this store does not serve: such a run is only ended. */
  readonly resume: ((queued: RunRecord) => Promise<unknown>) | null
  readonly waits: Waits
  /** Aborted when the store closes: a run that still waits for its turn is given up, one that has begun may go on for a while. */
  readonly closing: AbortSignal
  /** Aborted when that while is over: it stops at its next step, and the next run goes on from there. */
  readonly stopping: AbortSignal
  /** Called between two named phases of a run; tests use it to end the process there. */
  readonly reached?: (phase: RunPoint) => void
}

/** The points of a run between which a crash must be harmless, in their order. */
export const runPoints = [
  'leased',
  'born',
  'begun',
  'stamped open',
  'wrote a batch',
  'wrote all',
  'stamped done',
  'covered',
  'caught up',
  'switched',
] as const
export type RunPoint = (typeof runPoints)[number]

/** Waits in milliseconds of the machine's clock. */
export interface Waits {
  /** How long a lease lasts without renewal. */
  readonly leaseMs: number
  /** How often a waiting run looks whether the lease is free, and a running one whether it was cancelled. */
  readonly pollMs: number
  /**
   * How long after its birth a generation may serve at the earliest: snapshots are ≤ 2 s old, writes carry instants ≤ 1 s
   * old, clocks are ≤ 0.5 s apart; the rest is for a commit that waits for its disk.
   */
  readonly switchMs: number
  /** How long replaced rows stay: requests in flight still read them. */
  readonly freeMs: number
  /** How long the pushed history of a removed view is kept. */
  readonly purgeMs: number
  /** How long a store that is closed lets runs go on that have begun; then, how long they may take to stop. */
  readonly closeMs: number
  readonly stopMs: number
}

/** The waits to ship. */
export const defaultWaits: Waits = Object.freeze({
  leaseMs: 30_000,
  pollMs: 200,
  switchMs: 4000,
  freeMs: replacedKeptMs + 10_000,
  purgeMs: 30 * 86_400_000,
  closeMs: 3000,
  stopMs: 2000,
})
