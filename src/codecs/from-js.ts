import type { KeyType } from '../values/entity-key.ts'
import type { FeatureType, ScalarName } from '../values/feature-type.ts'
import { fromDate, inRange } from '../values/instant.ts'
import type { Value } from '../values/value.ts'
import { type At, badValue, base64Of, bytesOf, floatOf, instantOf, intOf, readValue, textOf } from './json-value.ts'

/**
 * Reads a value as users of the SDK pass it: all that the wire form allows, and `Date` or bigint microseconds for a timestamp, number or
 * bigint for an int64, `Uint8Array` for bytes, typed arrays for lists and vectors, infinite numbers for floats. undefined is null.
 * @throws BAD_VALUE with the position.
 */
export function fromJs(type: FeatureType, input: unknown, at: At): Value | null {
  if (input === undefined) return null
  return readValue(type, isTypedArray(input) && type !== 'bytes' ? [...input] : input, at, jsScalar)
}

function jsScalar(type: ScalarName, input: unknown, at: At): Value {
  switch (type) {
    case 'bool':
      if (typeof input !== 'boolean') throw badValue(type, input, at)
      return input
    case 'int32':
    case 'int64':
      return intOf(type, input, at)
    case 'float32':
    case 'float64':
      return floatOf(type, input, at)
    case 'string':
      return textOf(input, at)
    case 'bytes':
      return input instanceof Uint8Array ? bytesOf(input, at) : base64Of(input, at)
    case 'timestamp':
      return jsInstant(input, at)
  }
}

function jsInstant(input: unknown, at: At): Value {
  const instant = typeof input === 'bigint' ? input : input instanceof Date ? fromDate(input) : undefined
  if (instant === undefined) return instantOf(input, at)
  if (!inRange(instant)) throw badValue('timestamp', input, at, 'it lies outside years 1 to 9999')
  return instant
}

const isTypedArray = (input: unknown): input is Float64Array | BigInt64Array =>
  ArrayBuffer.isView(input) && !(input instanceof DataView)

/**
 * Reads the text of a join key as it stands in a URL or on a command line: a number, `true` or `false`, RFC 3339, base64, or the text itself.
 * @throws BAD_VALUE with the position.
 */
export function parseKeyText(type: KeyType, text: string, at: At): Value {
  switch (type) {
    case 'bool':
      if (text !== 'true' && text !== 'false') throw badValue(type, text, at, 'write true or false')
      return text === 'true'
    case 'int32':
    case 'int64':
      if (!/^-?\d{1,40}$/.test(text)) throw badValue(type, text, at)
      return intOf(type, BigInt(text), at)
    case 'string':
      return textOf(text, at)
    case 'bytes':
      return base64Of(text, at)
    case 'timestamp':
      return instantOf(text, at)
  }
}
