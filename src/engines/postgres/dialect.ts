import { type FeatureType, type ScalarName, partsOf } from '../../values/feature-type.ts'
import { formatInstant, inRange } from '../../values/instant.ts'
import type { Value } from '../../values/value.ts'

const scalarTypes: Readonly<Record<ScalarName, string>> = Object.freeze({
  bool: 'boolean',
  int32: 'integer',
  int64: 'bigint',
  float32: 'real',
  float64: 'double precision',
  string: 'text',
  bytes: 'bytea',
  timestamp: 'timestamptz',
})

/** A text as a literal of SQL, whatever the session's settings are. */
export const quote = (text: string): string =>
  text.includes('\\') ? ` E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'` : `'${text.replaceAll("'", "''")}'`

/** A name as an identifier. PostgreSQL cuts those that are longer than 63 bytes, so nothing depends on the names of results. */
export const ident = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** PostgreSQL's name of a type. Vectors are arrays of real; instants have a zone, which is UTC in our sessions. */
export function typeName(type: FeatureType): string {
  const parts = partsOf(type)
  if (parts.kind === 'scalar') return scalarTypes[parts.name]
  return `${scalarTypes[parts.kind === 'list' ? parts.item : 'float32']}[]`
}

/** A typed constant. */
export function literal(type: FeatureType, value: Value | null): string {
  if (value === null) return `NULL::${typeName(type)}`
  const parts = partsOf(type)
  if (parts.kind === 'scalar') return scalarLiteral(parts.name, value)
  const item = parts.kind === 'list' ? parts.item : 'float32'
  const items = (value as readonly (Value | null)[]).map((each) => literal(item, each))
  return `ARRAY[${items.join(', ')}]::${typeName(type)}`
}

function scalarLiteral(type: ScalarName, value: Value): string {
  switch (type) {
    case 'bool':
      return value === true ? 'true' : 'false'
    case 'string':
      return `${quote(value as string)}::text`
    case 'bytes':
      return `decode('${Buffer.from(value as Uint8Array).toString('hex')}', 'hex')`
    case 'timestamp':
      return instantLiteral(value as bigint)
    default:
      return `'${Object.is(value, -0) ? '-0' : String(value)}'::${scalarTypes[type]}`
  }
}

/** What lies outside our years lies beyond all rows. */
function instantLiteral(us: bigint): string {
  if (inRange(us)) return `timestamptz '${formatInstant(us).replace('T', ' ').replace('Z', '+00')}'`
  return `timestamptz '${us < 0n ? '-' : ''}infinity'`
}

/** Elements as (is not null, value), so that a null is least; text by its bytes. */
export function comparable(sql: string, type: FeatureType): string {
  if (type === 'string') return `(${sql} COLLATE "C")`
  const parts = partsOf(type)
  if (parts.kind !== 'list') return sql
  const value = parts.item === 'string' ? `convert_to(_x, 'UTF8')` : '_x'
  const item = `ROW(_x IS NOT NULL, coalesce(${value}, ${leastOf(parts.item)}))`
  return `CASE WHEN ${sql} IS NOT NULL THEN ARRAY(SELECT ${item} FROM unnest(${sql}) WITH ORDINALITY AS _u (_x, _n) ORDER BY _n) END`
}

/** Some value of the type, to stand where null does not count. */
function leastOf(type: ScalarName): string {
  const values: Readonly<Record<ScalarName, string>> = {
    bool: 'false',
    int32: '0',
    int64: '0::bigint',
    float32: '0::real',
    float64: '0::double precision',
    string: `''::bytea`,
    bytes: `''::bytea`,
    timestamp: `timestamptz '-infinity'`,
  }
  return values[type]
}
