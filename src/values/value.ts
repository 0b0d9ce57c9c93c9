import { type FeatureType, type ScalarName, partsOf } from './feature-type.ts'

/**
 * A value inside Provender, by its type: bool → boolean; int32, float32, float64 → number; int64 → bigint;
 * string → string; bytes → Uint8Array; timestamp → bigint (microseconds UTC); list<T> → array with null elements
 * allowed; vector<n> → array of n numbers, each a float32. Absent is null, never undefined.
 */
export type Value = boolean | number | bigint | string | Uint8Array | readonly (Value | null)[]

/** Compares two scalars of one type: −1, 0, 1. NaN is greatest and equal to itself, −0 = 0, text and bytes by bytes (UTF-8). */
export function compareScalars(type: ScalarName, a: Value, b: Value): number {
  switch (type) {
    case 'string':
      return compareText(a as string, b as string)
    case 'bytes':
      return Math.sign(Buffer.compare(a as Uint8Array, b as Uint8Array))
    case 'float32':
    case 'float64':
      return compareFloats(a as number, b as number)
    default:
      return a < b ? -1 : a > b ? 1 : 0
  }
}

/** Compares two values of one type in the order that settles ties: null least, lists element by element, a prefix before the longer. */
export function compareValues(type: FeatureType, a: Value | null, b: Value | null): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1
  const parts = partsOf(type)
  if (parts.kind === 'scalar') return compareScalars(parts.name, a, b)
  const item = parts.kind === 'list' ? parts.item : 'float32'
  const left = a as readonly (Value | null)[]
  const right = b as readonly (Value | null)[]
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = compareValues(item, left[i] ?? null, right[i] ?? null)
    if (order !== 0) return order
  }
  return Math.sign(left.length - right.length)
}

/** Whether two values of one type are the same, bit by bit but for NaN (all one); −0 and 0 differ here. */
export function sameValue(type: FeatureType, a: Value | null, b: Value | null): boolean {
  if (a === null || b === null) return a === b
  const parts = partsOf(type)
  if (parts.kind === 'scalar')
    return parts.name === 'bytes' ? Buffer.compare(a as Uint8Array, b as Uint8Array) === 0 : Object.is(a, b)
  const item = parts.kind === 'list' ? parts.item : 'float32'
  const left = a as readonly (Value | null)[]
  const right = b as readonly (Value | null)[]
  return left.length === right.length && left.every((element, i) => sameValue(item, element, right[i] ?? null))
}

function compareFloats(a: number, b: number): number {
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : 1
  if (Number.isNaN(b)) return -1
  return a < b ? -1 : a > b ? 1 : 0
}

/** By UTF-8 bytes, which is by code points; UTF-16 order differs for surrogates. */
function compareText(a: string, b: string): number {
  if (a === b) return 0
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) {
      const xHigh = x >= 0xd800 && x <= 0xdfff
      const yHigh = y >= 0xd800 && y <= 0xdfff
      if (xHigh !== yHigh) return xHigh ? 1 : -1
      return x < y ? -1 : 1
    }
  }
  return Math.sign(a.length - b.length)
}
