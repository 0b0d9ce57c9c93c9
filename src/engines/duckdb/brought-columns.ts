import { fail } from '../../kernel/errors.ts'
import { excerptOf, stringifyExact } from '../../codecs/exact-json.ts'
import { fromJs } from '../../codecs/from-js.ts'
import { type At, whereOf } from '../../codecs/json-value.ts'
import type { FeatureType } from '../../values/feature-type.ts'
import type { Value } from '../../values/value.ts'

/** A row as JavaScript has it. */
export type JsRow = Readonly<Record<string, unknown>>

/** The type of a column of JavaScript values: one of ours, or `json`: kept as JSON text. */
export type JsColumnType = FeatureType | 'json'

/** What values of a column were seen. Texts such as "NaN" stand for numbers only among numbers. */
type Kind = 'bool' | 'integer' | 'float' | 'string' | 'special' | 'timestamp' | 'bytes' | 'json'

interface Seen {
  readonly kinds: Set<Kind>
  /** Kinds of the elements, where a value was an array. */
  readonly elements: Set<Kind>
  lists: boolean
}

const int64Limit = 2n ** 63n
const specials: ReadonlySet<unknown> = new Set(['NaN', 'Infinity', '-Infinity'])

/** Finds the columns of rows, in the order in which they first appear, and the types of those that nobody declares. */
export class ColumnFinder {
  readonly #declared: ReadonlyMap<string, FeatureType>
  readonly #seen = new Map<string, Seen>()

  constructor(declared: ReadonlyMap<string, FeatureType>) {
    this.#declared = declared
  }

  /** Looks at a row. */
  see(row: JsRow): void {
    for (const name of Object.keys(row)) {
      let seen = this.#seen.get(name)
      if (seen === undefined) {
        seen = { kinds: new Set(), elements: new Set(), lists: false }
        this.#seen.set(name, seen)
      }
      if (!this.#declared.has(name)) note(seen, row[name])
    }
  }

  /** The columns seen. @throws BAD_VALUE naming a column whose values are of more than one type. */
  columns(): { name: string; type: JsColumnType }[] {
    return [...this.#seen].map(([name, seen]) => ({ name, type: this.#declared.get(name) ?? typeOf(name, seen) }))
  }
}

function note(seen: Seen, value: unknown): void {
  if (value === null || value === undefined) return
  const elements = Array.isArray(value) ? (value as readonly unknown[]) : isNumbers(value) ? [...value] : undefined
  if (elements === undefined) {
    seen.kinds.add(kindOf(value))
    return
  }
  seen.lists = true
  for (const element of elements)
    if (element !== null && element !== undefined) seen.elements.add(Array.isArray(element) ? 'json' : kindOf(element))
}

const isNumbers = (value: unknown): value is Float64Array | BigInt64Array =>
  ArrayBuffer.isView(value) && !(value instanceof DataView) && !(value instanceof Uint8Array)

function kindOf(value: unknown): Kind {
  switch (typeof value) {
    case 'boolean':
      return 'bool'
    case 'bigint':
      return value >= -int64Limit && value < int64Limit ? 'integer' : 'float'
    case 'number':
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? 'integer' : 'float'
    case 'string':
      return specials.has(value) ? 'special' : 'string'
    default:
      return value instanceof Date ? 'timestamp' : value instanceof Uint8Array ? 'bytes' : 'json'
  }
}

function typeOf(name: string, seen: Seen): JsColumnType {
  if (seen.kinds.has('json') || seen.elements.has('json')) return 'json'
  if (seen.lists && seen.kinds.size > 0) throw mixed(name, ['list', ...seen.kinds])
  const scalar = scalarOf(name, seen.lists ? seen.elements : seen.kinds)
  return seen.lists ? `list<${scalar}>` : scalar
}

function scalarOf(
  name: string,
  kinds: ReadonlySet<Kind>,
): 'bool' | 'int64' | 'float64' | 'string' | 'timestamp' | 'bytes' {
  const types = new Set(
    [...kinds].filter((kind) => kind !== 'special').map((kind) => (kind === 'integer' ? 'float' : kind)),
  )
  if (types.size > 1) throw mixed(name, types)
  const [type] = types
  switch (type) {
    case 'bool':
    case 'timestamp':
    case 'bytes':
      if (kinds.has('special')) throw mixed(name, [type, 'string'])
      return type
    case 'float':
      return kinds.has('float') || kinds.has('special') ? 'float64' : 'int64'
    default:
      return 'string'
  }
}

const mixed = (name: string, types: Iterable<string>): Error =>
  fail(
    'BAD_VALUE',
    `The values of column "${name}" are of several types: ${[...types].map((t) => (t === 'float' ? 'number' : t)).join(', ')}`,
    { remedy: 'Send values of one type.' },
  )

/** Reads a value of a column; JSON columns are kept as their text. @throws BAD_VALUE with the position. */
export function brought(type: JsColumnType, value: unknown, at: At): Value | null {
  if (value === null || value === undefined) return null
  if (type !== 'json') return fromJs(type, value, at)
  if (typeof value === 'function' || typeof value === 'symbol')
    throw fail('BAD_VALUE', `${excerptOf(value)} cannot be kept`, { at: whereOf(at) })
  return stringifyExact(value)
}
