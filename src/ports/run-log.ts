import type { Call } from '../kernel/call.ts'
import type { Generations } from '../decide/generations.ts'
import type { Progress } from '../decide/progress.ts'
import type { Leases, Owner } from './leases.ts'
import type { Swap, Versioned } from './registry.ts'

/** The kinds and states of a run. queued → running → succeeded | failed | cancelled; queued → cancelled | failed. */
export type RunState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'

/** The phases of a run, in their order. */
export const runPhases = ['waiting', 'reading', 'writing', 'catching-up', 'switching', 'done'] as const

/** How a run stands. */
export interface RunStanding {
  readonly phase: (typeof runPhases)[number]
  /** How much of it is done, 0–1; null until that is known. It never goes back, and is 1 only at the end. */
  readonly fraction: number | null
}

/** One run, as it is listed and shown. Intervals are half-open, null = from the beginning. */
export interface RunRecord {
  readonly id: string
  readonly kind: 'materialize'
  readonly view: string
  readonly state: RunState
  readonly interval: readonly [bigint | null, bigint]
  readonly repair: boolean
  /** The process that runs it, or will: where that is dead, nobody does. */
  readonly owner: Owner
  /** The lease by which the store that queued it says that it lives, for as long as it has runs; null in records of earlier releases. */
  readonly presence: string | null
  /** How many runs before it were to do the same, and ended with their process; null in records of earlier releases. */
  readonly takeOvers: number | null
  /** Rows read, written, refused as superseded, skipped for a null key or event time. */
  readonly rows: number
  readonly written: number
  readonly superseded: number
  readonly skipped: number
  readonly queuedAt: bigint
  readonly startedAt: bigint | null
  readonly endedAt: bigint | null
  readonly error: { readonly code: string; readonly detail: string } | null
  /** Somebody asked for its end. */
  readonly cancel: boolean
  /** The machine's clock when a queued one last said that it waits for its turn, every few seconds; null before it had to. */
  readonly waitingAtMs: number | null
  /** What a person should read beside the result. */
  readonly notes: readonly string[]
  /** How it stood when that was last recorded: every second, as its rows are. Null before it began. */
  readonly progress: RunStanding | null
}

/** How many runs are kept: older ones that have ended are forgotten as new ones are queued. */
export const runsKept = 10_000

/** Generations and progress of one view: one document, changed by compare-and-swap only. */
export interface ViewState {
  readonly generations: Generations
  readonly progress: Progress
}

/** The state of each view, what ran, and the leases that runs are held under. After disposal every call throws CLOSED. */
export interface RunLog extends Leases, AsyncDisposable {
  /** The state of a view; version 0 and null when there is none. */
  readState(view: string, call?: Call): Promise<{ readonly version: number; readonly value: ViewState | null }>
  /**
   * Writes the state of a view if it is still at `expect`, and, when `lease` is given, only while that lease is ours.
   * `at` as in a commit. Conflict's head is the document version found (−1: the lease is gone).
   */
  writeState(
    view: string,
    write: {
      readonly expect: number
      readonly value: ViewState
      readonly at: bigint
      readonly lease?: { readonly name: string; readonly token: string }
    },
    call?: Call,
  ): Promise<Swap<Versioned<ViewState>>>
  /** Inserts a run, or changes one by its id; `expect` names the states from which it may be changed. Answers the record stored now. Once set, `cancel` stays. */
  putRun(run: RunRecord, expect?: readonly RunState[], call?: Call): Promise<RunRecord>
  /** Runs newest first. */
  runs(
    query: { readonly id?: string; readonly view?: string; readonly state?: RunState; readonly limit: number },
    call?: Call,
  ): Promise<RunRecord[]>
}
