import type { DeadLetter, DeadLetters, PushTo } from './dead-letters.ts'
import type { Call } from '../kernel/call.ts'
import type { FeatureType } from '../values/feature-type.ts'
import type { LogTarget } from '../query/relation.ts'
import type { Value } from '../values/value.ts'

/** One pushed row or tombstone as the log keeps it. */
export interface LogRow {
  readonly event: bigint
  readonly created: bigint
  /** Made from the row's values; `tombstoneTie` for a tombstone. */
  readonly tie: bigint
  /** One per column of the record; of a tombstone only the keys are not null. */
  readonly values: readonly (Value | null)[]
}

/** What one call appends, all or nothing: rows of one target with the same columns, refused rows, replayed dead letters, and the record that makes a retry safe. */
export interface LogRecord {
  readonly target: LogTarget
  readonly to: PushTo
  readonly columns: readonly { readonly name: string; readonly type: FeatureType }[]
  readonly rows: readonly LogRow[]
  readonly deadLetters: readonly DeadLetter[]
  /** Ids of dead letters that leave the list. */
  readonly replayed: readonly string[]
  readonly idempotency?: IdempotencyRecord
}

/** A retry with the same key within 24 h gets the same answer. */
export interface IdempotencyRecord {
  readonly key: string
  readonly atUs: bigint
  /** Of target, to and rows. */
  readonly bodyHash: string
  /** The answer, as JSON text (without what only the online store knows). */
  readonly answer: string
}

/** What became of an append: its position, or the earlier record that holds its idempotency key (then nothing of it counts). */
export type Appended =
  | { readonly kind: 'appended'; readonly position: bigint }
  | { readonly kind: 'repeated'; readonly earlier: IdempotencyRecord }

/** Which records are read back. */
export interface LogRange {
  /** Positions: from inclusive, before exclusive. */
  readonly from: bigint
  readonly before: bigint
  /** Only records of these targets; absent = of any. */
  readonly targets?: readonly LogTarget[]
}

/** A record read back. */
export interface Positioned {
  readonly position: bigint
  readonly record: LogRecord
}

/**
 * The push log: durable before `append` answers, totally ordered by positions that only grow, seen by every process.
 * A record is either whole or not there, also after a crash. After disposal every call throws CLOSED.
 */
export interface PushLog extends DeadLetters, AsyncDisposable {
  /** Appends records; `result[i]` answers `records[i]`. Concurrent calls share one fsync. @throws STORE_FULL: nothing of it counts. */
  append(records: readonly LogRecord[], call?: Call): Promise<Appended[]>
  /** A position above every record whose append has answered, anywhere; every record below it is visible and durable. */
  head(call?: Call): Promise<bigint>
  /**
   * Records of a range that have rows and count, in log order. Only target, to, columns and rows are read back: `deadLetters` and
   * `replayed` are empty, `idempotency` is absent. Purged rows are left out. What is sealed of other targets costs nothing.
   */
  changes(range: LogRange, call?: Call): AsyncIterable<Positioned>
  /** The record that holds an idempotency key and is younger than 24 h, if there is one. */
  lookup(key: string, nowUs: bigint, call?: Call): Promise<IdempotencyRecord | undefined>
  /**
   * Folds what is old into its compact form (seals, compacts). Changes nothing that can be read but for purged targets: their rows and
   * dead letters below the position are gone for good. Does nothing while another process is at it. Safe beside everything else.
   */
  maintain(
    task: { readonly purge: readonly { readonly target: LogTarget; readonly below: bigint }[]; readonly nowUs: bigint },
    call?: Call,
  ): Promise<void>
}
