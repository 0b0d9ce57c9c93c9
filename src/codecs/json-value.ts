import { type ProvenderError, fail } from '../kernel/errors.ts'
import { limits } from '../kernel/limits.ts'
import { type FeatureType, type ScalarName, partsOf } from '../values/feature-type.ts'
import { formatInstant, parseInstant } from '../values/instant.ts'
import type { Value } from '../values/value.ts'
import { excerptOf } from './exact-json.ts'
import { float32Text, float64Text } from './float-text.ts'

/** The position of a value in what was sent: a JSON pointer or a place in a file; a function where that costs something to say. */
export type At = string | (() => string)

/** Reads one element: a value that is not null. Throws BAD_VALUE. */
export type ScalarReader = (type: ScalarName, input: unknown, at: At) => Value

/**
 * Reads a value of the wire form, strictly: what does not fit its type is refused, never bent. JSON numbers beyond 2^53 come as
 * `parseExact` gives them (bigint). A float32 is rounded to the nearest one.
 * @throws BAD_VALUE with the position.
 */
export function parseValue(type: FeatureType, json: unknown, at: At): Value | null {
  return readValue(type, json, at, jsonScalar)
}

/** Reads a value of any type, its scalars by `scalar`; null stays null. @throws BAD_VALUE. */
export function readValue(type: FeatureType, input: unknown, at: At, scalar: ScalarReader): Value | null {
  if (input === null) return null
  const parts = partsOf(type)
  if (parts.kind === 'scalar') return scalar(parts.name, input, at)
  if (!Array.isArray(input)) throw badValue(type, input, at)
  const elements: readonly unknown[] = input
  if (parts.kind === 'vector') {
    if (elements.length !== parts.size) throw badValue(type, input, at, `it has ${elements.length} elements`)
    return elements.map((element, i) => scalar('float32', element, below(at, i)))
  }
  if (elements.length > limits.listElements)
    throw badValue(type, input, at, `it has ${elements.length} elements; ${limits.listElements} are allowed`)
  return elements.map((element, i) => (element === null ? null : scalar(parts.item, element, below(at, i))))
}

/** The position of element or member `name` below a position. */
export const below =
  (at: At, name: number | string): (() => string) =>
  () =>
    pointerTo(whereOf(at), name)

/** The JSON pointer of element or member `name` below another. */
export const pointerTo = (at: string, name: number | string): string =>
  `${at}/${typeof name === 'number' ? name : name.replaceAll('~', '~0').replaceAll('/', '~1')}`

/** The text of a position. */
export const whereOf = (at: At): string => (typeof at === 'string' ? at : at())

/** The error for a value that does not fit its type. */
export function badValue(type: FeatureType, input: unknown, at: At, why?: string): ProvenderError {
  return fail(
    'BAD_VALUE',
    `${excerptOf(input)} is not ${article(type)} ${type}${why === undefined ? '' : `: ${why}`}`,
    { at: whereOf(at) },
  )
}

const int32Limit = 2n ** 31n
const int64Limit = 2n ** 63n

function jsonScalar(type: ScalarName, json: unknown, at: At): Value {
  switch (type) {
    case 'bool':
      if (typeof json !== 'boolean') throw badValue(type, json, at)
      return json
    case 'int32':
    case 'int64':
      return intOf(type, json, at)
    case 'float32':
    case 'float64':
      // JSON has no literal for infinity: a number that is infinite here was too large for a double.
      if (json === Infinity || json === -Infinity) throw badValue(type, json, at, 'it is too large')
      return floatOf(type, json, at)
    case 'string':
      return textOf(json, at)
    case 'bytes':
      return base64Of(json, at)
    case 'timestamp':
      return instantOf(json, at)
  }
}

/** An int: a number of the safe range without fraction, or a bigint. */
export function intOf(type: 'int32' | 'int64', input: unknown, at: At): Value {
  if (typeof input === 'number') {
    if (!Number.isInteger(input))
      throw badValue(type, input, at, Number.isFinite(input) ? 'it has a fraction' : undefined)
    if (type === 'int32') {
      if ((input | 0) !== input) throw badValue(type, input, at, 'it is out of range')
      return input | 0
    }
    if (!Number.isSafeInteger(input)) throw badValue(type, input, at, 'as a number it is not exact')
    return BigInt(input)
  }
  if (typeof input !== 'bigint') throw badValue(type, input, at)
  const limit = type === 'int32' ? int32Limit : int64Limit
  if (input < -limit || input >= limit) throw badValue(type, input, at, 'it is out of range')
  return type === 'int32' ? Number(input) : input
}

const unwritable: ReadonlyMap<unknown, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
])

/** A float: a number, a bigint (rounded), or one of the texts `NaN`, `Infinity`, `-Infinity`. */
export function floatOf(type: 'float32' | 'float64', input: unknown, at: At): Value {
  const value = typeof input === 'number' ? input : typeof input === 'bigint' ? Number(input) : unwritable.get(input)
  if (value === undefined) throw badValue(type, input, at)
  if (type === 'float64') return value
  const rounded = Math.fround(value)
  if (Number.isFinite(value) && !Number.isFinite(rounded)) throw badValue(type, input, at, 'it is too large')
  return rounded
}

/** A text without NUL and lone surrogates, within the limit. */
export function textOf(input: unknown, at: At): Value {
  if (typeof input !== 'string') throw badValue('string', input, at)
  if (input.includes('\0')) throw badValue('string', input, at, 'it holds a NUL')
  if (!input.isWellFormed()) throw badValue('string', input, at, 'it holds a lone surrogate')
  if (input.length * 3 > limits.stringBytes && Buffer.byteLength(input) > limits.stringBytes)
    throw badValue('string', input, at, `it is longer than ${limits.stringBytes} bytes`)
  return input
}

/** Bytes from base64 in the standard alphabet, padded. */
export function base64Of(input: unknown, at: At): Value {
  if (typeof input !== 'string') throw badValue('bytes', input, at)
  const bytes = Buffer.from(input, 'base64')
  // Node skips what is no base64; what it reads is all of it only if it writes the same.
  if (bytes.toString('base64') !== input)
    throw badValue('bytes', input, at, 'it is not base64 in the standard alphabet, padded')
  return bytesOf(bytes, at)
}

/** Bytes within the limit, in a copy of their own. */
export function bytesOf(bytes: Uint8Array, at: At): Value {
  if (bytes.length > limits.stringBytes)
    throw badValue('bytes', bytes, at, `it is longer than ${limits.stringBytes} bytes`)
  return new Uint8Array(bytes)
}

/** An instant from RFC 3339 text. */
export function instantOf(input: unknown, at: At): Value {
  const instant = typeof input === 'string' ? parseInstant(input) : undefined
  if (instant === undefined)
    throw badValue('timestamp', input, at, 'write it as RFC 3339, for example 2026-01-01T10:00:00Z')
  return instant
}

/** Writes a value as JSON text of the wire form: every digit of an int64, −0 kept, instants in RFC 3339, a float32 as the shortest text that reads back as it. */
export function writeValue(type: FeatureType, value: Value | null): string {
  if (value === null) return 'null'
  const parts = partsOf(type)
  if (parts.kind === 'scalar') return writeScalar(parts.name, value)
  const item = parts.kind === 'list' ? parts.item : 'float32'
  let text = '['
  for (const [i, element] of (value as readonly (Value | null)[]).entries()) {
    if (i > 0) text += ','
    text += element === null ? 'null' : writeScalar(item, element)
  }
  return `${text}]`
}

function writeScalar(type: ScalarName, value: Value): string {
  switch (type) {
    case 'bool':
    case 'int32':
    case 'int64':
      return String(value)
    case 'float32':
      return jsonFloat(value as number, float32Text)
    case 'float64':
      return jsonFloat(value as number, float64Text)
    case 'string':
      return JSON.stringify(value)
    case 'bytes':
      return `"${base64Text(value as Uint8Array)}"`
    case 'timestamp':
      return `"${formatInstant(value as bigint)}"`
  }
}

/** Base64 in the standard alphabet, padded. */
export const base64Text = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')

const jsonFloat = (value: number, text: (value: number) => string): string =>
  Number.isFinite(value) ? text(value) : `"${text(value)}"`

const article = (type: FeatureType): string => (type.startsWith('int') ? 'an' : type === 'bytes' ? 'of type' : 'a')
