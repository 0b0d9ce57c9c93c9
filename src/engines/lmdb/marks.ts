import type { Database } from 'lmdb'
import type { Call } from '../../kernel/call.ts'
import type { OnlineMarks, Stamp } from '../../ports/marks.ts'
import type { Space } from '../../ports/online.ts'
import { fail } from '../../kernel/errors.ts'
import type { Databases } from './databases.ts'
import type { Environment } from './environment.ts'
import { prefixOf } from './space-key.ts'

interface Marked {
  readonly cursor: bigint | null
  readonly stamp: Stamp | null
}

const noMarks: Marked = Object.freeze({ cursor: null, stamp: null })

// Layout: flags u8 (1 cursor, 2 stamp, 4 the stamp is open) · cursor i64 · attempt i64, big-endian.
const markedBytes = 17
const hasCursor = 1
const hasStamp = 2
const isOpen = 4

/** Cursors and stamps, in the same file as the rows. A change is judged within the transaction that makes it, after a look at which file lies there. */
export function lmdbMarks(enter: (call: Call | undefined) => Environment): OnlineMarks {
  return {
    async readMarks(spaces, call) {
      return enter(call).read(true, ({ marks, incarnation }) =>
        spaces.map((space) => ({ incarnation, ...marksOf(marks, space) })),
      )
    },
    async birth(space, cursor, call) {
      return enter(call).write(call, () => ({ marks }) => {
        if (marksOf(marks, space).stamp === null) put(marks, space, { cursor, stamp: { attempt: 0n, state: 'done' } })
        return { done: undefined }
      })
    },
    async moveCursor(space, to, incarnation, call) {
      const move = ({ marks }: Databases): boolean => {
        const old = marksOf(marks, space)
        if (old.cursor !== null && to < old.cursor) return false
        put(marks, space, { ...old, cursor: to })
        return true
      }
      return enter(call).write(call, () => (databases) => ({
        done: databases.incarnation === incarnation && move(databases),
      }))
    },
    async swapStamp(space, { from, to, incarnation }, call) {
      const swap = ({ marks }: Databases): boolean => {
        const old = marksOf(marks, space)
        if (old.stamp?.attempt !== from?.attempt || old.stamp?.state !== from?.state) return false
        put(marks, space, { ...old, stamp: to })
        return true
      }
      return enter(call).write(call, () => (databases) => ({
        done: databases.incarnation === incarnation && swap(databases),
      }))
    },
  }
}

function marksOf(marks: Database<Buffer, Uint8Array>, space: Space): Marked {
  const bytes = marks.getBinary(prefixOf(space))
  if (bytes === undefined) return noMarks
  if (bytes.length !== markedBytes) throw fail('CORRUPT_STORE', `The marks of ${space.view} have ${bytes.length} bytes`)
  const flags = bytes.readUInt8(0)
  return {
    cursor: (flags & hasCursor) === 0 ? null : bytes.readBigInt64BE(1),
    stamp:
      (flags & hasStamp) === 0
        ? null
        : { attempt: bytes.readBigInt64BE(9), state: (flags & isOpen) === 0 ? 'done' : 'open' },
  }
}

function put(marks: Database<Buffer, Uint8Array>, space: Space, { cursor, stamp }: Marked): void {
  const bytes = Buffer.alloc(markedBytes)
  bytes.writeUInt8(
    (cursor === null ? 0 : hasCursor) | (stamp === null ? 0 : hasStamp) | (stamp?.state === 'open' ? isOpen : 0),
    0,
  )
  bytes.writeBigInt64BE(cursor ?? 0n, 1)
  bytes.writeBigInt64BE(stamp?.attempt ?? 0n, 9)
  void marks.put(prefixOf(space), bytes)
}
