import { fail } from '../kernel/errors.ts'
import { limits } from '../kernel/limits.ts'
import { formatInstant, fromDate, parseInstant, toDate } from '../values/instant.ts'
import { float64Text } from './float-text.ts'
import { base64Text } from './json-value.ts'

/** JSON text of values as users of the SDK pass them. */
export interface JsJson {
  readonly text: string
  /** Whether something in it stands in an object of one member because JSON has no word for it; without, it is plain JSON. */
  readonly isTagged: boolean
}

/** What the objects of one member hold: their member is one of these names behind a `$`. */
type Tag = 'int' | 'float' | 'date' | 'bytes' | 'undefined' | 'object'

/** How the values are written that JSON has no words for. */
interface Words {
  readonly int: (value: bigint) => string
  /** Infinite, NaN, or a whole number that would come back as an int64. */
  readonly float: (value: number) => string
  readonly date: (value: Date) => string
  readonly bytes: (value: Uint8Array) => string
  /** undefined in an array; as a member it is left out. */
  readonly missing: () => string
  /** An object that looks as if it stood for one of these, already written. */
  readonly object: (text: string) => string
}

/**
 * Writes data as the SDK takes it, so that `readJs` gives the same: `{"$int":"5"}` a bigint, `{"$float":"NaN"}` a number that JSON lacks or
 * that would come back as a bigint, `{"$date":"…"}` a `Date` (null: an invalid one), `{"$bytes":"…"}` in base64, `{"$undefined":true}` in an
 * array, `{"$object":{…}}` an object that looks like one of these. Typed arrays become arrays; members that are undefined are left out.
 * @throws BAD_VALUE for what is nested deeper than `limits.dataDepth` (which a cycle is).
 */
export function writeJs(data: unknown): JsJson {
  let isTagged = false
  const tagged = (tag: Tag, text: string): string => {
    isTagged = true
    return `{"$${tag}":${text}}`
  }
  const text = write(data, 0, {
    int: (value) => tagged('int', `"${value}"`),
    float: (value) => tagged('float', `"${float64Text(value)}"`),
    date: (value) => {
      const instant = fromDate(value)
      return tagged('date', instant === undefined ? 'null' : `"${formatInstant(instant)}"`)
    },
    bytes: (value) => tagged('bytes', `"${base64Text(value)}"`),
    missing: () => tagged('undefined', 'true'),
    object: (object) => tagged('object', object),
  })
  return { text, isTagged }
}

/** Writes what `parseExact` gave as JSON that it reads as the same again; what cannot come from JSON becomes what no type takes. @throws as `writeJs`. */
export const writeParsed = (data: unknown): string => write(data, 0, parsedWords)

const parsedWords: Words = Object.freeze({
  int: String,
  // A number too large for a double is infinite once it is read, and refused; the text "Infinity" would be taken.
  float: (value: number) =>
    Number.isNaN(value) ? '"NaN"' : Number.isFinite(value) ? float64Text(value) : value > 0 ? '1e999' : '-1e999',
  date: () => '{}',
  bytes: () => '{}',
  missing: () => 'null',
  object: (text: string) => text,
})

function write(data: unknown, depth: number, words: Words): string {
  if (depth > limits.dataDepth) throw fail('BAD_VALUE', `The data is nested deeper than ${limits.dataDepth}`)
  switch (typeof data) {
    case 'string':
    case 'boolean':
      return JSON.stringify(data)
    case 'number':
      return Number.isFinite(data) && (Number.isSafeInteger(data) || !Number.isInteger(data))
        ? float64Text(data)
        : words.float(data)
    case 'bigint':
      return words.int(data)
    case 'undefined':
      return words.missing()
    case 'object':
      return data === null ? 'null' : writeObject(data, depth, words)
    default:
      // A function or a symbol: what no type takes.
      return '{}'
  }
}

function writeObject(data: object, depth: number, words: Words): string {
  if (data instanceof Date) return words.date(data)
  if (data instanceof Uint8Array) return words.bytes(data)
  if (Array.isArray(data) || isNumbers(data))
    return `[${Array.from(data as readonly unknown[], (each) => write(each, depth + 1, words)).join(',')}]`
  let members = ''
  let count = 0
  for (const [name, value] of Object.entries(data)) {
    if (value === undefined) continue
    members += `${count++ === 0 ? '' : ','}${JSON.stringify(name)}:${write(value, depth + 1, words)}`
  }
  const text = `{${members}}`
  return count === 1 && text.startsWith('{"$') ? words.object(text) : text
}

const isNumbers = (data: object): boolean => ArrayBuffer.isView(data) && !(data instanceof DataView)

/** Digits of an integer beyond which nobody looks at its value. */
const intChars = 400

/** Reads parsed JSON that `writeJs` wrote. @throws BAD_REQUEST for an object that looks like one that it writes and is not. */
export function readJs(data: unknown): unknown {
  if (typeof data !== 'object' || data === null) return data
  if (Array.isArray(data)) return data.map(readJs)
  const members = Object.entries(data)
  const [only] = members
  if (members.length === 1 && only?.[0].startsWith('$') === true) return readTagged(only[0].slice(1), only[1])
  return membersOf(members)
}

const membersOf = (members: readonly (readonly [string, unknown])[]): object =>
  Object.fromEntries(members.map(([name, value]) => [name, readJs(value)]))

function readTagged(tag: string, value: unknown): unknown {
  const text = typeof value === 'string' ? value : ''
  switch (tag as Tag) {
    case 'int':
      if (text.length <= intChars && /^-?\d+$/.test(text)) return BigInt(text)
      break
    case 'float':
      if (/^(?:NaN|-?Infinity|-?\d[\d.]*(?:e[+-]?\d+)?)$/.test(text)) return Number(text)
      break
    case 'date': {
      if (value === null) return new Date(Number.NaN)
      const instant = parseInstant(text)
      if (instant !== undefined) return toDate(instant)
      break
    }
    case 'bytes':
      if (typeof value === 'string') return new Uint8Array(Buffer.from(value, 'base64'))
      break
    case 'undefined':
      return undefined
    case 'object':
      if (typeof value === 'object' && value !== null) return membersOf(Object.entries(value))
  }
  throw fail('BAD_REQUEST', `The member "$${tag}" of a value as JavaScript has it cannot be read`, {
    remedy: 'Leave out x-provender-values, and write values in the wire form.',
  })
}
