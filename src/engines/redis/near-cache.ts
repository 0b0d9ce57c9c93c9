import { type ByteList, endOf, startOf } from '../../values/byte-list.ts'
import { keyOf } from './layout.ts'

/** How long rows are kept, and how many. */
export interface NearCacheLimits {
  /** An answer is never older than this after a write that it does not show, whatever is lost on the way. */
  readonly maxAgeMs: number
  readonly entries: number
  readonly megabytes: number
}

/** Of a server that tells of changes: which epoch it is, undefined while nobody tells (see `Tracker`). */
interface Epochs {
  readonly epoch: number | undefined
}

/** A row, or that there is none, as it was at a time or later. */
export interface Kept {
  /** The entity's name. */
  readonly key: string
  readonly field: Buffer
  readonly sinceMs: number
  readonly tracker: Epochs
  readonly epoch: number
  /** The bytes as latin-1 text, which takes less room, and less of the garbage collector, than an array of them; undefined until it was read. */
  row: string | null | undefined
  /** Whether somebody wrote since. */
  changed: boolean
  /** Another one of the entity. */
  next: Kept | undefined
}

/** What an entry takes beside its bytes, about. */
const entryBytes = 200

/**
 * Rows that were read, in this process. What is kept was asked for in an epoch of its server (see `Tracker`) and dropped when that tells of a
 * change, so it is as old as the message is late; and never older than `maxAgeMs`. The oldest go first.
 */
export class NearCache {
  readonly #limits: NearCacheLimits
  /** By the name of an entity, in the order of first reading. (To find one costs as much as all else that is done with it.) */
  readonly #kept = new Map<string, Kept>()
  #oldest = this.#kept.entries()
  #bytes = 0
  #rows = 0

  constructor(limits: NearCacheLimits) {
    this.#limits = limits
  }

  /** Rows that are kept. */
  get rows(): number {
    return this.#rows
  }

  /** All that is kept of an entity, to be given to `find` and `expect` at once. */
  of(key: string): Kept | undefined {
    return this.#kept.get(key)
  }

  /** The row of a field that is kept; undefined where it is not known. */
  find(of: Kept | undefined, field: Buffer, nowMs: number): Kept | undefined {
    const kept = ofField(of, field)
    return kept?.row !== undefined && this.#holds(kept, nowMs) ? kept : undefined
  }

  #holds({ changed, tracker, epoch, sinceMs }: Kept, nowMs: number): boolean {
    return !changed && tracker.epoch === epoch && nowMs - sinceMs <= this.#limits.maxAgeMs
  }

  /** Makes room for what is going to be read now, so that a change that is told of meanwhile is noticed; undefined where nobody would tell. */
  expect(
    { key, field, tracker }: Pick<Kept, 'key' | 'field'> & { readonly tracker: Epochs | undefined },
    of: Kept | undefined,
    nowMs: number,
  ): Kept | undefined {
    const epoch = tracker?.epoch
    if (tracker === undefined || epoch === undefined) return undefined
    const kept: Kept = { key, field, sinceMs: nowMs, tracker, epoch, row: undefined, changed: false, next: undefined }
    const old = ofField(of, field)
    // Somebody is reading it already.
    if (old !== undefined && old.row === undefined && this.#holds(old, nowMs)) return undefined
    if (old !== undefined) this.#drop(old)
    const first = old === undefined ? of : this.#kept.get(key)
    if (first === undefined) this.#kept.set(key, kept)
    else {
      kept.next = first.next
      first.next = kept
    }
    this.#count(kept, 1)
    return kept
  }

  /** Keeps what was read, item `i` of a list; null where it could not be. */
  fill(kept: Kept, read: ByteList | null, i = 0): void {
    if (kept.changed) return
    if (read === null || kept.tracker.epoch !== kept.epoch) {
      this.#drop(kept)
      return
    }
    const start = startOf(read, i)
    kept.row = start < 0 ? null : read.bytes.toString('latin1', start, endOf(read, i))
    this.#bytes += kept.row?.length ?? 0
    const { entries, megabytes } = this.#limits
    while (this.#rows > entries || this.#bytes > megabytes * mebibyte) this.#forgetOldest()
  }

  #forgetOldest(): void {
    const { done, value } = this.#oldest.next()
    // One that is kept goes on where it was: from the start it would walk over the places of all that were dropped.
    if (done === true) this.#oldest = this.#kept.entries()
    else this.#forget(value[0], value[1])
  }

  /** Drops what is kept of an entity. */
  forget(key: string): void {
    const of = this.#kept.get(key)
    if (of !== undefined) this.#forget(key, of)
  }

  #forget(key: string, of: Kept): void {
    for (let kept: Kept | undefined = of; kept !== undefined; kept = kept.next) {
      kept.changed = true
      this.#count(kept, -1)
    }
    this.#kept.delete(key)
  }

  /** Drops everything. */
  clear(): void {
    for (const key of this.#kept.keys()) this.forget(key)
  }

  #drop(kept: Kept): void {
    kept.changed = true
    this.#count(kept, -1)
    const { key, next } = kept
    let before = this.#kept.get(key)
    if (before !== kept) {
      while (before !== undefined && before.next !== kept) before = before.next
      if (before !== undefined) before.next = next
    } else if (next === undefined) this.#kept.delete(key)
    else this.#kept.set(key, next)
  }

  #count({ key, row }: Kept, sign: 1 | -1): void {
    this.#rows += sign
    this.#bytes += sign * (entryBytes + key.length + (row?.length ?? 0))
  }
}

const mebibyte = 1024 * 1024

function ofField(of: Kept | undefined, field: Buffer): Kept | undefined {
  let kept = of
  while (kept !== undefined && kept.field !== field) kept = kept.next
  return kept
}

/** The name of an entity in a cache, by its key or by that of its hash. */
export const nameIn = (keys: Buffer, start: number, end: number): string => keys.toString('latin1', start, end)
const nameOf = (key: Buffer): string => nameIn(key, 0, key.length)
export const nameOfKey = (key: Uint8Array): string => nameOf(Buffer.from(key.buffer, key.byteOffset, key.byteLength))
export const nameOfHash = (hash: Buffer, project: string): string => nameOf(keyOf(hash, project))
