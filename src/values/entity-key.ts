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
  const parts: Uint8Array[] = []
  for (const [i, type] of types.entries()) {
    const value = keys[i] ?? null
    if (value === null) return null
    parts.push(encodeKey(type, value))
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)
}

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

/** Into Node's pool, which is several times faster than memory of its own for each key. */
function encodeKey(type: KeyType, value: Value): Uint8Array {
  switch (type) {
    case 'string':
    case 'bytes': {
      const bytes = typeof value === 'string' ? Buffer.from(value) : (value as Uint8Array)
      const out = Buffer.allocUnsafe(2 + bytes.length)
      out.writeUInt16BE(bytes.length)
      out.set(bytes, 2)
      return out
    }
    case 'bool':
      return Uint8Array.of(value === true ? 1 : 0)
    case 'int32': {
      const out = Buffer.allocUnsafe(4)
      out.writeInt32BE(value as number)
      return out
    }
    default: {
      const out = Buffer.allocUnsafe(8)
      out.writeBigInt64BE(value as bigint)
      return out
    }
  }
}
