/** The scalar types. */
export const scalarNames = ['bool', 'int32', 'int64', 'float32', 'float64', 'string', 'bytes', 'timestamp'] as const
export type ScalarName = (typeof scalarNames)[number]

/** The type of a feature, key or column, as it is written: `int64`, `list<string>`, `vector<3>`. */
export type FeatureType = ScalarName | `list<${ScalarName}>` | `vector<${number}>`

/** A type taken apart. */
export type TypeParts =
  | { readonly kind: 'scalar'; readonly name: ScalarName }
  | { readonly kind: 'list'; readonly item: ScalarName }
  | { readonly kind: 'vector'; readonly size: number }

const cache = new Map<string, TypeParts | undefined>()
const cacheLimit = 10_000

/** Takes a type's text apart; undefined when it is no type. Vectors have 1 to 65,536 elements. */
export function typeParts(text: string): TypeParts | undefined {
  if (cache.has(text)) return cache.get(text)
  const parts = parse(text)
  if (cache.size < cacheLimit) cache.set(text, parts)
  return parts
}

function parse(text: string): TypeParts | undefined {
  if (isScalar(text)) return Object.freeze({ kind: 'scalar', name: text })
  const list = /^list<([a-z0-9]+)>$/.exec(text)
  if (list?.[1] !== undefined && isScalar(list[1])) return Object.freeze({ kind: 'list', item: list[1] })
  const vector = /^vector<([1-9][0-9]{0,4})>$/.exec(text)
  const size = vector?.[1] === undefined ? 0 : Number(vector[1])
  if (size >= 1 && size <= 65_536) return Object.freeze({ kind: 'vector', size })
  return undefined
}

/** Whether a text is a type. */
export const isFeatureType = (text: string): text is FeatureType => typeParts(text) !== undefined

/** Whether a text is a scalar type. */
export const isScalar = (text: string): text is ScalarName => (scalarNames as readonly string[]).includes(text)

/** The parts of what is known to be a type. */
export function partsOf(type: FeatureType): TypeParts {
  const parts = typeParts(type)
  if (parts === undefined) throw new Error(`Assertion failed: ${type} is a feature type`)
  return parts
}

/** Types of source columns, beyond our own, that widen without loss: column type → declared types that take it. */
export const widenings: Readonly<Record<string, readonly FeatureType[]>> = Object.freeze({
  int8: ['int32', 'int64', 'float64'],
  int16: ['int32', 'int64', 'float64'],
  int32: ['int64', 'float64'],
  uint8: ['int32', 'int64', 'float64'],
  uint16: ['int32', 'int64', 'float64'],
  uint32: ['int64'],
  float32: ['float64'],
  date: ['timestamp'],
  decimal18_0: ['int64'],
})

/** The type of ours that holds every value of a source column's type: itself, or the least that it widens to. */
export const ownType = (source: string): FeatureType | undefined =>
  isFeatureType(source) ? source : widenings[source]?.[0]

/** Whether a source column of one type may be read as another, exactly. `source` may also be int8, int16, uint8, uint16, uint32, date, decimal18_0. */
export function widens(source: string, declared: FeatureType): boolean {
  return source === declared || (widenings[source]?.includes(declared) ?? false)
}

/** What an offline engine says of a column whose cells are text, read as whatever is declared (CSV). */
export const textCells = 'csv'

/**
 * Whether a source column, as an offline engine describes it, may be read as the declared type: it widens, its elements do,
 * a list of float32 is read as a vector (its length is checked row by row), cells of text are read as any type.
 */
export function readsAs(source: string, declared: FeatureType): boolean {
  if (source === textCells || widens(source, declared)) return true
  const item = /^list<(.+)>$/.exec(source)?.[1]
  if (item === undefined) return false
  const parts = partsOf(declared)
  if (parts.kind === 'vector') return item === 'float32'
  return parts.kind === 'list' && widens(item, parts.item)
}
