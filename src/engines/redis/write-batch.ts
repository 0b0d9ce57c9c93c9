import type { Argument } from './node.ts'
import type { Item } from './spread.ts'

/** A row on its way to an entity's hash. */
export const rowItem = (key: Buffer, row: Uint8Array): Item => ({
  key,
  args: [row instanceof Buffer ? row : Buffer.from(row.buffer, row.byteOffset, row.byteLength)],
})

const keyLengthBytes = 2
const rowLengthBytes = 4

/** Keys and rows as `writeRows` takes them: each behind its length, all in one piece of memory. An argument for each costs the driver ten times as much. */
export function packedRows(items: readonly Item[]): Argument {
  let room = 0
  for (const { key, args } of items) room += keyLengthBytes + key.length + rowLengthBytes + (args[0]?.length ?? 0)
  const packed = Buffer.allocUnsafe(room)
  let end = 0
  for (const { key, args } of items) {
    const row = args[0] as Buffer
    end = packed.writeUInt16BE(key.length, end)
    packed.set(key, end)
    end = packed.writeUInt32BE(row.length, end + key.length)
    packed.set(row, end)
    end += row.length
  }
  return packed
}
