import { fail } from '../kernel/errors.ts'
import { limits } from '../kernel/limits.ts'
import { formatInstant, fromDate } from '../values/instant.ts'
import { float32Text, float64Text } from './float-text.ts'
import { jsonFault } from './json-fault.ts'

/** Integers that a double may not hold: 16 digits in a row before any point, or an exponent. Most texts have none, and JSON.parse alone is several times faster. */
const maybeInexact = /(?<![.\d])\d{16}|\d[eE]\+?\d+(?:[,\]}\s]|$)/

/** More digits are no int64, whatever they are. */
const int64Digits = 19

/**
 * Parses JSON text without losing a digit: an integer that a double cannot hold becomes a bigint, all other numbers stay numbers
 * (−0 keeps its sign). Of equal members of an object the last one counts. An own member may be named `__proto__`.
 * @param where What the text is, for errors: `body`, or a file and line.
 * @param allowed How deep it may be nested, and how errors tell that; `limits.jsonDepth` unless given.
 * @throws BAD_REQUEST with line and column; also when nested deeper than allowed.
 */
export function parseExact(text: string, where = 'the body', allowed: Depth = { levels: limits.jsonDepth }): unknown {
  checkDepth(text, where, allowed)
  try {
    if (!maybeInexact.test(text)) return JSON.parse(text) as unknown
    return JSON.parse(text, exactly as (this: unknown, key: string, value: unknown) => unknown) as unknown
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown
    const fault = jsonFault(text)
    throw fail('BAD_REQUEST', `${capital(where)} is not JSON: ${fault.message} at ${placeOf(text, fault.offset)}`, {
      cause: thrown,
      remedy: 'Send valid JSON.',
    })
  }
}

function exactly(_key: string, value: unknown, context: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || !Number.isInteger(value)) return value
  return integerOf(context.source ?? '') ?? value
}

const numberParts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/** The integer that a JSON number writes, if it is one of at most `int64Digits` digits. */
function integerOf(source: string): bigint | undefined {
  const m = numberParts.exec(source)
  if (m === null) return undefined
  const fraction = m[3] ?? ''
  const exponent = Number(m[4] ?? '0')
  const digits = `${m[2]}${fraction}`
  const shift = exponent - fraction.length
  if (shift >= 0) {
    const whole = digits.replace(/^0+/, '')
    return whole.length + shift > int64Digits ? undefined : BigInt(`${m[1]}${whole || '0'}${'0'.repeat(shift)}`)
  }
  const whole = digits.slice(0, shift).replace(/^0+/, '')
  if (whole.length > int64Digits || !/^0*$/.test(digits.slice(shift))) return undefined
  return BigInt(`${m[1]}${whole || '0'}`)
}

/** How deep JSON may be nested. */
export interface Depth {
  readonly levels: number
  /** The same for people, where there is more to say than the number. */
  readonly told?: string
}

function checkDepth(text: string, where: string, { levels, told = String(levels) }: Depth): void {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === 0x22) {
      i = endOfString(text, i)
    } else if (c === 0x7b || c === 0x5b) {
      if (++depth > levels)
        throw fail('BAD_REQUEST', `${capital(where)} is nested deeper than ${told} at ${placeOf(text, i)}`, {
          remedy: 'Send flatter JSON.',
        })
    } else if (c === 0x7d || c === 0x5d) {
      depth--
    }
  }
}

/** The index of the quote that closes the string opened at `start`, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; ;) {
    const quote = text.indexOf('"', i)
    if (quote === -1) return text.length
    let slashes = 0
    while (text.charCodeAt(quote - 1 - slashes) === 0x5c) slashes++
    if (slashes % 2 === 0) return quote
    i = quote + 1
  }
}

/** The line and column of an offset, both from 1. */
function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset)
  const line = before.split('\n').length
  return `line ${line}, column ${offset - before.lastIndexOf('\n')}`
}

/**
 * Writes data as JSON text: a bigint with every digit, −0 as it is, NaN and infinities as texts, a `Date` in RFC 3339, bytes in
 * base64, typed arrays as arrays (float32 as the shortest text). Members that are undefined or functions are left out.
 * @throws BAD_VALUE when nested deeper than `limits.dataDepth` (which a cycle is).
 */
export function stringifyExact(data: unknown): string {
  return write(data, 0) ?? 'null'
}

function write(data: unknown, depth: number): string | undefined {
  if (depth > limits.dataDepth) throw fail('BAD_VALUE', `The data is nested deeper than ${limits.dataDepth}`)
  switch (typeof data) {
    case 'string':
    case 'boolean':
      return JSON.stringify(data)
    case 'number':
      return writeNumber(data, float64Text)
    case 'bigint':
      return data.toString()
    case 'object':
      return data === null ? 'null' : writeObject(data, depth)
    default:
      return undefined
  }
}

const writeNumber = (value: number, text: (value: number) => string): string =>
  Number.isFinite(value) ? text(value) : `"${text(value)}"`

function writeObject(data: object, depth: number): string {
  if (data instanceof Date) {
    const instant = fromDate(data)
    return instant === undefined ? 'null' : `"${formatInstant(instant)}"`
  }
  if (data instanceof Uint8Array) return `"${Buffer.from(data).toString('base64')}"`
  if (data instanceof Float32Array) return `[${Array.from(data, (x) => writeNumber(x, float32Text)).join(',')}]`
  if (ArrayBuffer.isView(data))
    return `[${Array.from(data as Float64Array | BigInt64Array, (x: number | bigint) => write(x, depth) ?? 'null').join(',')}]`
  if (Array.isArray(data)) return `[${data.map((element: unknown) => write(element, depth + 1) ?? 'null').join(',')}]`
  const members: string[] = []
  for (const [name, value] of Object.entries(data)) {
    const text = write(value, depth + 1)
    if (text !== undefined) members.push(`${JSON.stringify(name)}:${text}`)
  }
  return `{${members.join(',')}}`
}

const excerptChars = 60

/** A value as it stands in an error's text: its JSON, cut short. */
export function excerptOf(input: unknown): string {
  if (typeof input === 'undefined' || typeof input === 'function' || typeof input === 'symbol')
    return `a value of type ${typeof input}`
  if (typeof input === 'object' && input !== null && !Array.isArray(input) && !(input instanceof Date))
    return input instanceof Uint8Array ? `bytes (${input.length})` : 'an object'
  if (Array.isArray(input)) return 'an array'
  if (input instanceof Date && Number.isNaN(input.getTime())) return 'an invalid Date'
  const text =
    typeof input === 'number'
      ? float64Text(input)
      : typeof input === 'bigint'
        ? input.toString()
        : stringifyExact(typeof input === 'string' ? input.slice(0, excerptChars * 2) : input)
  return text.length <= excerptChars ? text : `${text.slice(0, excerptChars).toWellFormed()}…`
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
