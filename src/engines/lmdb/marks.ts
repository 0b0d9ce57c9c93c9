import type { Call } from '../../kernel/call.ts'
import type { Held, Marks, OnlineMarks } from '../../ports/marks.ts'
import { isNewer, isTombstone, rowEvent } from '../../codecs/packed-row.ts'
import { fail } from '../../kernel/errors.ts'
import type { Databases } from './databases.ts'
import type { Environment } from './environment.ts'
import { afterPrefix, prefixOf } from './space-key.ts'

type Marked = Omit<Marks, 'incarnation'>

// Layout: flags u8 (1 cursor, 2 stamp, 4 the stamp is open, 8 counted, 16 has a newest event time) · cursor i64 ·
// attempt i64 · rows u48 · newest event time i64, big-endian. Without what is held: the first 17 bytes only.
const uncountedBytes = 17
const rowsAt = 17
const rowsBytes = 6
const newestAt = 23
const markedBytes = 31
const hasCursor = 1
const hasStamp = 2
const isOpen = 4
const isCounted = 8
const hasNewest = 16

/** Cursors, stamps and what is held, in the same file as the rows. A change is judged within the transaction that makes it, after a look at which file lies there. */
export function lmdbMarks(enter: (call: Call | undefined) => Environment): OnlineMarks {
  return {
    async readMarks(spaces, call) {
      return enter(call).read((databases) =>
        spaces.map((space) => ({ incarnation: databases.incarnation, ...marksOf(databases, prefixOf(space)) })),
      )
    },
    async birth(space, cursor, call) {
      return enter(call).write(call, () => (databases) => {
        const old = marksOf(databases, prefixOf(space))
        if (old.stamp === null)
          put(databases, prefixOf(space), { ...old, cursor, stamp: { attempt: 0n, state: 'done' } })
        return { done: undefined }
      })
    },
    async moveCursor(space, to, incarnation, call) {
      const move = (databases: Databases): boolean => {
        const old = marksOf(databases, prefixOf(space))
        if (old.cursor !== null && to < old.cursor) return false
        put(databases, prefixOf(space), { ...old, cursor: to })
        return true
      }
      return enter(call).write(call, () => (databases) => ({
        done: databases.incarnation === incarnation && move(databases),
      }))
    },
    async swapStamp(space, { from, to, incarnation }, call) {
      const swap = (databases: Databases): boolean => {
        const old = marksOf(databases, prefixOf(space))
        if (old.stamp?.attempt !== from?.attempt || old.stamp?.state !== from?.state) return false
        put(databases, prefixOf(space), { ...old, stamp: to })
        return true
      }
      return enter(call).write(call, () => (databases) => ({
        done: databases.incarnation === incarnation && swap(databases),
      }))
    },
  }
}

/** What is written and freed in one transaction, to be added to what the space holds. */
export interface Tally {
  /** A row was written in place of another, or was refused for it. */
  wrote(row: Uint8Array, old: Uint8Array | undefined, wins: boolean): void
  freed(row: Uint8Array): void
  /** Adds it, within the transaction. */
  keep(): void
}

/** Counts the rows of a space, by the bytes that its keys begin with. Begin it before the first write of the transaction. */
export function tally(databases: Databases, prefix: Buffer): Tally {
  const before = marksOf(databases, prefix)
  let rows = 0
  let changed = false
  let newest: Uint8Array | undefined
  const weight = (row: Uint8Array): number => (isTombstone(row) ? 0 : 1)
  return {
    wrote(row, old, wins) {
      if (wins) rows += weight(row) - (old === undefined ? 0 : weight(old))
      changed ||= wins
      if (!isTombstone(row) && (newest === undefined || isNewer(row, newest))) newest = row
    },
    freed(row) {
      rows -= weight(row)
      changed = true
    },
    keep() {
      if (before.held === null) return
      const held = {
        rows: before.held.rows + rows,
        newestEvent: newest === undefined ? before.held.newestEvent : later(before.held.newestEvent, rowEvent(newest)),
      }
      // A transaction in which nothing is put costs no disk.
      if (changed || held.newestEvent !== before.held.newestEvent) put(databases, prefix, { ...before, held })
    },
  }
}

const later = (a: bigint | null, b: bigint): bigint => (a === null || b > a ? b : a)

function marksOf(databases: Databases, prefix: Buffer): Marked {
  const bytes = databases.marks.getBinary(prefix)
  if (bytes === undefined) return { cursor: null, stamp: null, held: heldUncounted(databases, prefix) }
  if (bytes.length !== markedBytes && bytes.length !== uncountedBytes)
    throw fail(
      'CORRUPT_STORE',
      `The marks of ${prefix.toString('latin1', 1, 1 + (prefix[0] ?? 0))} have ${bytes.length} bytes`,
    )
  const flags = bytes.readUInt8(0)
  return {
    cursor: (flags & hasCursor) === 0 ? null : bytes.readBigInt64BE(1),
    stamp:
      (flags & hasStamp) === 0
        ? null
        : { attempt: bytes.readBigInt64BE(9), state: (flags & isOpen) === 0 ? 'done' : 'open' },
    held:
      (flags & isCounted) === 0
        ? heldUncounted(databases, prefix)
        : {
            rows: bytes.readUIntBE(rowsAt, rowsBytes),
            newestEvent: (flags & hasNewest) === 0 ? null : bytes.readBigInt64BE(newestAt),
          },
  }
}

/** What a space holds that was never counted: nothing, or nobody knows. */
function heldUncounted({ rows }: Databases, prefix: Buffer): Held | null {
  const some = [...rows.getKeys({ start: prefix, end: afterPrefix(prefix), limit: 1 })].length > 0
  return some ? null : { rows: 0, newestEvent: null }
}

function put({ marks }: Databases, prefix: Buffer, { cursor, stamp, held }: Marked): void {
  const bytes = Buffer.alloc(held === null ? uncountedBytes : markedBytes)
  bytes.writeUInt8(
    (cursor === null ? 0 : hasCursor) |
      (stamp === null ? 0 : hasStamp) |
      (stamp?.state === 'open' ? isOpen : 0) |
      (held === null ? 0 : isCounted) |
      (held === null || held.newestEvent === null ? 0 : hasNewest),
    0,
  )
  bytes.writeBigInt64BE(cursor ?? 0n, 1)
  bytes.writeBigInt64BE(stamp?.attempt ?? 0n, 9)
  if (held !== null) {
    bytes.writeUIntBE(held.rows, rowsAt, rowsBytes)
    bytes.writeBigInt64BE(held.newestEvent ?? 0n, newestAt)
  }
  void marks.put(prefix, bytes)
}
