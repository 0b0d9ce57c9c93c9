import { type ScalarName } from './feature-type.ts'
import type { Value } from './value.ts'

const utf8 = new TextEncoder()
const text = new TextDecoder('utf-8', { fatal: true })

/** The types that a join key may have: any scalar but floats. */
export type KeyType = Exclude<ScalarName, 'float32' | 'float64'>

/**
 * The bytes of an entity's join keys, in the view's key order. Components have a fixed width or a 16-bit length
 * before them, so two different entities never share bytes, and nothing is escaped.
 * @returns null when a key is null: such an entity matches nothing.
 */
export function encodeEntityKey(types: readonly KeyType[], keys: readonly (Value | null)[]): Uint8Array | null {
  const parts: Uint8Array[] = []
  for (const [i, type] of types.entries()) {
    const value = keys[i] ?? null
    if (value === null) return null
    parts.push(encodeKey(type, value))
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)
}

/** Reads back what `encodeEntityKey` wrote for the same types. */
export function decodeEntityKey(types: readonly KeyType[], bytes: Uint8Array): Value[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const values: Value[] = []
  let at = 0
  for (const type of types) {
    if (type === 'string' || type === 'bytes') {
      const length = view.getUint16(at)
      const part = bytes.slice(at + 2, at + 2 + length)
      values.push(type === 'string' ? text.decode(part) : part)
      at += 2 + length
    } else if (type === 'bool') {
      values.push(view.getUint8(at++) === 1)
    } else if (type === 'int32') {
      values.push(view.getInt32(at))
      at += 4
    } else {
      values.push(view.getBigInt64(at))
      at += 8
    }
  }
  return values
}

function encodeKey(type: KeyType, value: Value): Uint8Array {
  switch (type) {
    case 'string':
    case 'bytes': {
      const bytes = typeof value === 'string' ? utf8.encode(value) : (value as Uint8Array)
      const out = new Uint8Array(2 + bytes.length)
      new DataView(out.buffer).setUint16(0, bytes.length)
      out.set(bytes, 2)
      return out
    }
    case 'bool':
      return Uint8Array.of(value === true ? 1 : 0)
    case 'int32': {
      const out = new Uint8Array(4)
      new DataView(out.buffer).setInt32(0, value as number)
      return out
    }
    default: {
      const out = new Uint8Array(8)
      new DataView(out.buffer).setBigInt64(0, value as bigint)
      return out
    }
  }
}
