import { parse as parseArray } from 'postgres-array'
import { fail } from '../../kernel/errors.ts'
import { type FeatureType, type ScalarName, partsOf } from '../../values/feature-type.ts'
import type { Value } from '../../values/value.ts'

// Values as texts that PostgreSQL itself reads as the type by a cast, so that queries need no function of ours. Instants
// are the exception: they are whole microseconds, which a cast to timestamp would take for something else.

/** A value as text. */
export function valueText(type: FeatureType, value: Value): string {
  const parts = partsOf(type)
  if (parts.kind === 'scalar') return scalarText(parts.name, value)
  const item = parts.kind === 'list' ? parts.item : 'float32'
  return arrayText((value as readonly (Value | null)[]).map((each) => (each === null ? null : scalarText(item, each))))
}

/** A list of texts as PostgreSQL writes an array. */
export const arrayText = (items: readonly (string | null)[]): string =>
  `{${items.map((item) => (item === null ? 'NULL' : `"${item.replaceAll(/["\\]/g, String.raw`\$&`)}"`)).join(',')}}`

function scalarText(type: ScalarName, value: Value): string {
  if (type === 'bytes') return `\\x${Buffer.from(value as Uint8Array).toString('hex')}`
  if (Object.is(value, -0)) return '-0'
  return String(value)
}

/** Reads a value back. @throws CORRUPT_STORE. */
export function readValueText(type: FeatureType, text: string): Value {
  const parts = partsOf(type)
  if (parts.kind === 'scalar') return readScalar(parts.name, text)
  const item = parts.kind === 'list' ? parts.item : 'float32'
  return parseArray(text).map((each) => (each === null ? null : readScalar(item, each)))
}

function readScalar(type: ScalarName, text: string): Value {
  switch (type) {
    case 'bool':
      return text === 'true'
    case 'int32':
    case 'float32':
    case 'float64':
      return Number(text)
    case 'int64':
    case 'timestamp':
      if (!/^-?\d{1,19}$/.test(text))
        throw fail('CORRUPT_STORE', `"${text.slice(0, 40)}" is no ${type} of the push log`)
      return BigInt(text)
    case 'bytes':
      return new Uint8Array(Buffer.from(text.slice(2), 'hex'))
    default:
      return text
  }
}
