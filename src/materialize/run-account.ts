import type { RunRecord, RunStanding } from '../ports/run-log.ts'

type Phase = RunStanding['phase']

/** Hears how a run proceeds, and how many rows it has written. */
export type Progressing = (standing: RunStanding, written: number) => void

/** What a run has read and written so far. */
export interface Counts {
  rows: number
  written: number
  superseded: number
  /** Rows without a key or event time. */
  skipped: number
  tooLong: number
  /** Rows that are online, and already older than the ttl. */
  expired: number
}

/** The account of one run: kept while it proceeds, told to who listens, and what its record says in the end, however it ends. */
export interface RunAccount {
  readonly counts: Counts
  readonly notes: string[]
  /** What was asked for, once the attempt has begun. */
  interval: RunRecord['interval']
  /** Whether all that the attempt has read is online, and covered. */
  covered: boolean
  /** Tells how the run stands. `share` is how much of the rows' query is done, where that is known. */
  tell(phase: Phase, share?: number | null): void
  facts(): Pick<RunRecord, 'interval' | 'rows' | 'written' | 'superseded' | 'skipped' | 'notes' | 'progress'>
}

/** Reading and writing rows is nearly all of a run; what comes after it waits for others, for as long as they take. */
const rowsShare = 0.95
const caughtUp: Readonly<Partial<Record<Phase, number>>> = { 'catching-up': rowsShare, switching: 0.97, done: 1 }

/** Opens the account of a run. */
export function openAccount(queued: RunRecord, listen: Progressing = () => undefined): RunAccount {
  const counts: Counts = { rows: 0, written: 0, superseded: 0, skipped: 0, tooLong: 0, expired: 0 }
  let standing: RunStanding | null = null
  return {
    counts,
    notes: [],
    interval: queued.interval,
    covered: false,
    tell(phase, share = null) {
      const known = caughtUp[phase] ?? (share === null ? null : Math.floor(share * rowsShare * 1e4) / 1e4)
      const before = standing?.fraction ?? null
      standing = { phase, fraction: known === null ? before : Math.max(before ?? 0, known) }
      listen(standing, counts.written)
    },
    facts() {
      return {
        interval: this.interval,
        rows: counts.rows,
        written: counts.written,
        superseded: counts.superseded,
        skipped: counts.skipped + counts.tooLong,
        notes: [...this.notes],
        progress: standing,
      }
    },
  }
}
