/**
 * Byte strings in one piece of memory, some of them missing: the keys of a look-up, the rows that it found.
 * Nobody changes one that is made.
 */
export interface ByteList {
  readonly bytes: Buffer
  /** Two for each: where it begins in `bytes`, −1 where it is missing, and where it ends. */
  readonly bounds: readonly number[]
}

/** How many there are. */
export const countOf = ({ bounds }: ByteList): number => bounds.length >> 1

/** Where item `i` begins; −1 where it is missing. */
export const startOf = ({ bounds }: ByteList, i: number): number => bounds[2 * i] ?? -1

/** Where item `i` ends. */
export const endOf = ({ bounds }: ByteList, i: number): number => bounds[2 * i + 1] ?? -1

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
export function itemOf(list: ByteList, i: number): Buffer | null {
  const start = startOf(list, i)
  return start < 0 ? null : list.bytes.subarray(start, endOf(list, i))
}

/** All items, as views of the list's own bytes. */
export const itemsOf = (list: ByteList): (Buffer | null)[] =>
  Array.from({ length: countOf(list) }, (_, i) => itemOf(list, i))

/**
 * Writes one list after the other: begin each with `begin`, end it with `take`. Lists lie beside each other in rooms of one size, where
 * they fit, and stay there: memory of its own for each cost three times its bytes to copy. Who keeps a list for long keeps its room.
 */
export class ByteListWriter {
  /** The room. Write into it from `at` on, after `need`. */
  bytes: Buffer
  at = 0
  readonly #roomBytes: number
  /** Where the list begins that is being written: what lies before is other lists'. */
  #start = 0
  #bounds: number[] = []

  constructor(roomBytes: number) {
    this.#roomBytes = roomBytes
    this.bytes = Buffer.allocUnsafeSlow(roomBytes)
  }

  /** Forgets what was written since the last `take`. */
  begin(): void {
    if (this.#bounds.length > 0) this.#bounds = []
    // Less than a quarter of a room is left, or it was made for a list that was longer than a room.
    if (4 * this.#start > 3 * this.bytes.length || this.bytes.length > this.#roomBytes) {
      this.bytes = Buffer.allocUnsafeSlow(this.#roomBytes)
      this.#start = 0
    }
    this.at = this.#start
  }

  /** Makes room for so many more bytes; what was written stays, in another buffer perhaps, at the same place. */
  need(bytes: number): void {
    if (this.at + bytes <= this.bytes.length) return
    const room = Buffer.allocUnsafeSlow(Math.max(2 * this.bytes.length, this.at + bytes))
    this.bytes.copy(room, this.#start, this.#start, this.at)
    this.bytes = room
  }

  /** The next item is what was written from `start` up to `at`. */
  end(start: number): void {
    this.#add(start, this.at)
  }

  /** The next item is missing. Bytes that were written for it are forgotten by setting `at` back. */
  miss(): void {
    this.#add(-1, -1)
  }

  /** Most lists have one item, and an array that is pushed to makes room for sixteen. */
  #add(start: number, end: number): void {
    if (this.#bounds.length === 0) this.#bounds = [start, end]
    else this.#bounds.push(start, end)
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

  /** The next item is a copy of item `i` of a list, missing where that is. */
  copy(list: ByteList, i: number): void {
    const start = startOf(list, i)
    if (start < 0) {
      this.miss()
      return
    }
    const to = this.at
    this.need(endOf(list, i) - start)
    this.at += list.bytes.copy(this.bytes, to, start, endOf(list, i))
    this.end(to)
  }

  /** The list. It lies where it was written, and nothing is written there any more. */
  take(): ByteList {
    const list = { bytes: this.bytes, bounds: this.#bounds }
    this.#bounds = []
    this.#start = this.at
    return list
  }
}
