import type { Call } from '../kernel/call.ts'
import type { ByteList } from '../values/byte-list.ts'

/** Where the rows of one generation of a view lie. Generations are named by an instant. */
export interface Space {
  readonly view: string
  readonly generation: bigint
}

/** The longest encoded entity key that every engine takes: the join keys' limit, and room for the lengths between them. Longer ones are refused with KEY_TOO_LONG. */
export const longestKeyBytes = 1536

/** An encoded entity key and its packed row. */
export interface KeyedRow {
  readonly key: Uint8Array
  readonly row: Uint8Array
}

/** Rows asked for by their encoded entity keys. */
export interface LookUp {
  readonly space: Space
  readonly keys: ByteList
}

/** A call that reads rows. */
export interface ReadCall extends Call {
  /** Something is decided by them: no answer that is kept from an earlier read, however young. */
  readonly fresh?: boolean
}

/** A call that writes rows. */
export interface WriteCall extends Call {
  /** Somebody is told that the rows are there: an engine that was told to waits until its replicas have them, and throws NOT_REPLICATED where they have not. */
  readonly acknowledged?: boolean
}

/** What became of a written row: stored; or refused since a later one, or an equal one of a newer revision, is there. */
export type WriteOutcome = 'applied' | 'superseded'

/** Which rows a sweep frees. */
export interface SweepRule {
  /** Rows with an event time before this. */
  readonly eventBefore: bigint
  /** Only rows of this revision or older: later ones may live longer. */
  readonly revisionUpTo: bigint
  /** Also tombstones; else they stay. */
  readonly tombstones: boolean
}

/**
 * The online store: one packed row (codecs/packed-row) per space and entity; a row is opaque here but for its header.
 * The store itself decides, atomically, whether a write is later. After disposal every call throws CLOSED.
 */
export interface OnlineStore extends AsyncDisposable {
  /**
   * Item j of `result[i]` answers key j of request i: the packed row, tombstones included; missing where there is none or the
   * key is missing. The bytes are the caller's to keep. An engine that has the answer at hand gives it at once, and may throw at once.
   */
  read(requests: readonly LookUp[], call?: ReadCall): readonly ByteList[] | Promise<readonly ByteList[]>
  /** `result[i]` answers `rows[i]`. A write wins if it is later in the Order; equal in the Order, if its revision is not older. Durable when answered. */
  write(space: Space, rows: readonly KeyedRow[], call?: WriteCall): Promise<WriteOutcome[]>
  /** Frees rows in bounded slices; answers how many it freed, and what to give as `after` to go on (opaque; null at the end). Rows that are there all the while are looked at. */
  sweep(
    space: Space,
    rule: SweepRule,
    after?: Uint8Array,
    call?: Call,
  ): Promise<{ freed: number; next: Uint8Array | null }>
  /** Frees a whole space, its marks first; idempotent. */
  drop(space: Space, call?: Call): Promise<void>
  /** Keeps schema descriptors by fingerprint, for ever; answers the text kept for each fingerprint (the first one written), or null where `text` is absent and none is kept. */
  schemas(
    entries: readonly { readonly fingerprint: number; readonly text?: string }[],
    call?: Call,
  ): Promise<(string | null)[]>
}
