import { ByteListWriter } from './byte-list.ts'
import { type ScalarName } from './feature-type.ts'
import type { Value } from './value.ts'

/** The types that a join key may have: any scalar but floats. */
export type KeyType = Exclude<ScalarName, 'float32' | 'float64'>

/**
 * The bytes of an entity's join keys, in the view's key order. Components have a fixed width or a 16-bit length
 * before them, so two different entities never share bytes, and nothing is escaped.
 * @returns null when a key is null: such an entity matches nothing.
 */
export function encodeEntityKey(types: readonly KeyType[], keys: readonly (Value | null)[]): Uint8Array | null {
  room.begin()
  const start = room.at
  for (const [i, type] of types.entries()) {
    const value = keys[i] ?? null
    if (value === null) return null
    writeKeyPart(type, value, room)
  }
  const end = room.at
  return room.take().bytes.subarray(start, end)
}

const room = new ByteListWriter(4096)

/** How many bytes the join keys of one entity take together, as `limits.keyBytes` counts them: texts in UTF-8, the rest by their width. */
export function entityKeyBytes(types: readonly KeyType[], keys: readonly (Value | null)[]): number {
  let bytes = 0
  for (const [i, type] of types.entries()) {
    const value = keys[i] ?? null
    if (typeof value === 'string') bytes += Buffer.byteLength(value)
    else if (value instanceof Uint8Array) bytes += value.length
    else bytes += type === 'bool' ? 1 : type === 'int32' ? 4 : 8
  }
  return bytes
}

/** Writes one component of a key at the end of what a list has. */
export function writeKeyPart(type: KeyType, value: Value, to: ByteListWriter): void {
  switch (type) {
    case 'string': {
      const text = value as string
      // A UTF-16 unit takes at most three bytes. The length stands before the text and is known only after it.
      to.need(2 + 3 * text.length)
      const length = to.bytes.write(text, to.at + 2)
      to.bytes.writeUInt16BE(length, to.at)
      to.at += 2 + length
      return
    }
    case 'bytes': {
      const bytes = value as Uint8Array
      to.need(2 + bytes.length)
      to.bytes.writeUInt16BE(bytes.length, to.at)
      to.bytes.set(bytes, to.at + 2)
      to.at += 2 + bytes.length
      return
    }
    case 'bool':
      to.need(1)
      to.bytes[to.at++] = value === true ? 1 : 0
      return
    case 'int32':
      to.need(4)
      to.at = to.bytes.writeInt32BE(value as number, to.at)
      return
    default:
      to.need(8)
      to.at = to.bytes.writeBigInt64BE(value as bigint, to.at)
  }
}

/** As `writeKeyPart` for an int64 that is a safe integer: without the bigint it costs a quarter. */
export function writeSafeInt64(value: number, to: ByteListWriter): void {
  to.need(8)
  const high = Math.floor(value / highUnit)
  to.bytes.writeInt32BE(high, to.at)
  to.at = to.bytes.writeUInt32BE(value - high * highUnit, to.at + 4)
}

/** As `writeKeyPart` for a short text of ASCII letters, the usual kind; answers false, and writes nothing, for any other. */
export function writeShortAscii(text: string, to: ByteListWriter): boolean {
  const { length } = text
  if (length > shortChars) return false
  to.need(2 + length)
  const { bytes, at } = to
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0 || code > lastAscii) return false
    bytes[at + 2 + i] = code
  }
  bytes[at] = 0
  bytes[at + 1] = length
  to.at = at + 2 + length
  return true
}

const highUnit = 2 ** 32
const shortChars = 40
const lastAscii = 0x7f
