import type { Call } from '../kernel/call.ts'
import type { Space } from './online.ts'

/** The last attempt begun into a space, and whether it ended. */
export interface Stamp {
  readonly attempt: bigint
  readonly state: 'open' | 'done'
}

/** What a space holds, counted by the store itself in the transactions that write. */
export interface Held {
  /** Rows that are no tombstones; an expired one counts until it is swept. */
  readonly rows: number
  /**
   * The newest event time that was ever written, that of tombstones left out; null where there was none. It does not go
   * back when that row is deleted or swept, so it is the same in whatever order the same rows come.
   */
  readonly newestEvent: bigint | null
}

/** What the online store says of a space. */
export interface Marks {
  /** What the store is: changes when it is restored, swapped or (where that can lose writes) restarted. */
  readonly incarnation: string
  /** All of the push log below it is online; null where none was ever set. */
  readonly cursor: bigint | null
  /** Null where none was ever set: the space was not born here. */
  readonly stamp: Stamp | null
  /** Null where it was never counted: rows that an earlier release wrote. */
  readonly held: Held | null
}

/** Cursors and stamps, kept in the online store itself, so that they share its fate. */
export interface OnlineMarks {
  /** `result[i]` answers `spaces[i]`. */
  readMarks(spaces: readonly Space[], call?: Call): Promise<Marks[]>
  /** Births a space: stamp (0, done) and cursor, if it has no stamp yet; idempotent. */
  birth(space: Space, cursor: bigint, call?: Call): Promise<void>
  /** Sets the cursor if the store is still that incarnation and the cursor does not go back; answers whether it did. */
  moveCursor(space: Space, to: bigint, incarnation: string, call?: Call): Promise<boolean>
  /** Sets the stamp if it is `from` and the store is still that incarnation; answers whether it did. */
  swapStamp(
    space: Space,
    change: { readonly from: Stamp | null; readonly to: Stamp; readonly incarnation: string },
    call?: Call,
  ): Promise<boolean>
}
