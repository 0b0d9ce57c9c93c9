import { type FeatureType, type ScalarName, partsOf } from '../../values/feature-type.ts'
import { formatInstant, inRange } from '../../values/instant.ts'
import type { Value } from '../../values/value.ts'

const scalarTypes: Readonly<Record<ScalarName, string>> = Object.freeze({
  bool: 'BOOLEAN',
  int32: 'INTEGER',
  int64: 'BIGINT',
  float32: 'FLOAT',
  float64: 'DOUBLE',
  string: 'VARCHAR',
  bytes: 'BLOB',
  timestamp: 'TIMESTAMP',
})

/** A text as a literal of SQL. */
export const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** A name as an identifier. */
export const ident = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** DuckDB's name of a type. Vectors are lists of FLOAT; timestamps have microseconds and no zone. */
export function typeName(type: FeatureType): string {
  const parts = partsOf(type)
  if (parts.kind === 'scalar') return scalarTypes[parts.name]
  return `${scalarTypes[parts.kind === 'list' ? parts.item : 'float32']}[]`
}

/** A typed constant. */
export function literal(type: FeatureType, value: Value | null): string {
  if (value === null) return `CAST(NULL AS ${typeName(type)})`
  const parts = partsOf(type)
  if (parts.kind === 'scalar') return scalarLiteral(parts.name, value)
  const item = parts.kind === 'list' ? parts.item : 'float32'
  return `CAST([${(value as readonly (Value | null)[]).map((v) => literal(item, v)).join(', ')}] AS ${typeName(type)})`
}

function scalarLiteral(type: ScalarName, value: Value): string {
  switch (type) {
    case 'bool':
      return value === true ? 'true' : 'false'
    case 'string':
      return quote(value as string)
    case 'bytes':
      return `'${[...(value as Uint8Array)].map((b) => `\\x${b.toString(16).padStart(2, '0')}`).join('')}'::BLOB`
    case 'timestamp':
      return instantLiteral(value as bigint)
    case 'float32':
    case 'float64':
      return `CAST('${Object.is(value, -0) ? '-0.0' : String(value)}' AS ${scalarTypes[type]})`
    default:
      return `CAST(${String(value)} AS ${scalarTypes[type]})`
  }
}

/** A constant instant; DuckDB's text form ends at its own years, so what lies outside ours is made from the number. */
function instantLiteral(us: bigint): string {
  return inRange(us)
    ? `TIMESTAMP '${formatInstant(us).replace('T', ' ').replace('Z', '')}'`
    : `make_timestamp(CAST(${us} AS BIGINT))`
}

/**
 * A BLOB, kept away from the statistics of Parquet files: with bytes above 0x7F in them, DuckDB skips row groups that hold
 * what is looked for (seen in 1.5.6, with = and through joins).
 */
export const unskipped = (sql: string): string => `(${sql} || ''::BLOB)`

/**
 * An element that is null is least, not greatest as in DuckDB's own order of lists. Floats are sorted by as a sum: what DuckDB
 * sorts by a plain column it reads back from the sort key, where −0 is 0.
 */
export function comparable(sql: string, type: FeatureType): string {
  if (type === 'bytes') return unskipped(sql)
  if (type === 'float32' || type === 'float64') return `(${sql} + 0)`
  const parts = partsOf(type)
  if (parts.kind === 'vector') return `list_transform(${sql}, lambda _x: _x + 0)`
  if (parts.kind !== 'list') return sql
  return `list_transform(${sql}, lambda _x: {'n': _x IS NOT NULL, 'v': coalesce(_x, ${leastOf(parts.item)})})`
}

/** Some value of the type, to stand where null does not count. */
function leastOf(type: ScalarName): string {
  const values: Readonly<Record<ScalarName, Value>> = {
    bool: false,
    int32: 0,
    int64: 0n,
    float32: 0,
    float64: 0,
    string: '',
    bytes: new Uint8Array(),
    timestamp: 0n,
  }
  return literal(type, values[type])
}

/** The same for a type as `comparable` gives it. */
export function placeholderOf(type: FeatureType): string {
  const parts = partsOf(type)
  if (parts.kind === 'scalar') return leastOf(parts.name)
  if (parts.kind === 'vector') return literal(type, [])
  return `CAST([] AS STRUCT(n BOOLEAN, v ${scalarTypes[parts.item]})[])`
}
