/**
 * Byte strings in one piece of memory, some of them missing: the keys of a look-up, the rows that it found.
 * Nobody changes one that is made.
 */
export interface ByteList {
  readonly bytes: Buffer
  /** Where each begins in `bytes`; −1 where it is missing. */
  readonly starts: readonly number[]
  readonly ends: readonly number[]
}

/** The byte strings as a list; null is a missing one. They are copied. */
export function byteList(items: readonly (Uint8Array | null)[]): ByteList {
  const writer = new ByteListWriter(items.reduce((sum, item) => sum + (item?.length ?? 0), 0))
  for (const item of items) {
    if (item === null) writer.miss()
    else writer.push(item, item.length)
  }
  return writer.take()
}

/** Item `i`, as a view of the list's own bytes. */
export function itemOf({ bytes, starts, ends }: ByteList, i: number): Buffer | null {
  const start = starts[i] ?? -1
  return start < 0 ? null : bytes.subarray(start, ends[i])
}

/** All items, as views of the list's own bytes. */
export const itemsOf = (list: ByteList): (Buffer | null)[] => list.starts.map((_, i) => itemOf(list, i))

/** The largest room that is kept for the next list. */
const keptBytes = 1024 * 1024

/** Writes one list after the other into room that it keeps: begin each with `begin`, end it with `take`. */
export class ByteListWriter {
  /** The room. Write into it from `at` on, after `need`. */
  bytes: Buffer
  at = 0
  #starts: number[] = []
  #ends: number[] = []

  constructor(roomBytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(roomBytes)
  }

  /** Forgets what was written since the last `take`. */
  begin(): void {
    this.at = 0
    this.#starts = []
    this.#ends = []
  }

  /** Makes room for so many more bytes; what was written stays, in another buffer perhaps. */
  need(bytes: number): void {
    if (this.at + bytes <= this.bytes.length) return
    const room = Buffer.allocUnsafeSlow(Math.max(2 * this.bytes.length, this.at + bytes))
    this.bytes.copy(room, 0, 0, this.at)
    this.bytes = room
  }

  /** The next item is what was written from `start` up to `at`. */
  end(start: number): void {
    this.#starts.push(start)
    this.#ends.push(this.at)
  }

  /** The next item is missing. Bytes that were written for it are forgotten by setting `at` back. */
  miss(): void {
    this.#starts.push(-1)
    this.#ends.push(-1)
  }

  /** The next item is a copy of the first `length` of these bytes. */
  push(item: Uint8Array, length: number): void {
    const start = this.at
    this.need(length)
    if (item instanceof Buffer) item.copy(this.bytes, start, 0, length)
    else this.bytes.set(length === item.length ? item : item.subarray(0, length), start)
    this.at = start + length
    this.end(start)
  }

  /** The list, in memory of its own. */
  take(): ByteList {
    const bytes = Buffer.allocUnsafe(this.at)
    this.bytes.copy(bytes, 0, 0, this.at)
    const list = { bytes, starts: this.#starts, ends: this.#ends }
    if (this.bytes.length > keptBytes) this.bytes = Buffer.allocUnsafeSlow(keptBytes)
    this.begin()
    return list
  }
}
