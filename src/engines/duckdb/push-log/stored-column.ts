import {
  type DuckDBType,
  type DuckDBValue,
  BIGINT,
  BLOB,
  BOOLEAN,
  DOUBLE,
  DuckDBBlobValue,
  DuckDBListValue,
  DuckDBTimestampValue,
  FLOAT,
  INTEGER,
  LIST,
  VARCHAR,
} from '@duckdb/node-api'
import { assert } from '../../../kernel/assert.ts'
import { type FeatureType, type ScalarName, partsOf, widens } from '../../../values/feature-type.ts'
import type { Value } from '../../../values/value.ts'
import { ident, typeName } from '../dialect.ts'

/** A column of stored rows. One name may have had several types; each is a column of its own. */
export interface StoredColumn {
  readonly name: string
  readonly type: FeatureType
}

/** The name of a column in Parquet files and tables of rows. User names hold no colon and begin with no underscore. */
export const storedName = ({ name, type }: StoredColumn): string => `${name}:${type}`

/** Provender's own columns of stored rows, and their types in Parquet. */
export const storedOwn = Object.freeze({
  position: '_position',
  /** The number of a row within its record. */
  row: '_row',
  event: '_event',
  created: '_created',
  tie: '_tie',
  tombstone: '_tombstone',
  to: '_to',
  /** The names and types of the record's columns, as JSON. */
  columns: '_columns',
})

/** The columns of a record as the text that stands beside each of its rows. */
export const columnsText = (columns: readonly StoredColumn[]): string =>
  JSON.stringify(columns.map(({ name, type }) => [name, type]))

/** Reads `columnsText`. */
export function readColumnsText(text: string): StoredColumn[] {
  return (JSON.parse(text) as [string, FeatureType][]).map(([name, type]) => ({ name, type }))
}

// Instants are appended as numbers: DuckDB's own objects for them cost more than the rest of the row.
const scalars: Readonly<Record<ScalarName, DuckDBType>> = {
  bool: BOOLEAN,
  int32: INTEGER,
  int64: BIGINT,
  float32: FLOAT,
  float64: DOUBLE,
  string: VARCHAR,
  bytes: BLOB,
  timestamp: BIGINT,
}

/** The type in which values are appended to a table. */
export function appendedType(type: FeatureType): DuckDBType {
  const parts = partsOf(type)
  if (parts.kind === 'scalar') return scalars[parts.name]
  return LIST(scalars[parts.kind === 'list' ? parts.item : 'float32'])
}

/** Its name in SQL. */
export const appendedTypeName = (type: FeatureType): string => typeName(type).replace('TIMESTAMP', 'BIGINT')

/** SQL that reads an appended column as its type. */
export function appendedSql(sql: string, type: FeatureType): string {
  if (type === 'timestamp') return `make_timestamp(${sql})`
  return type === 'list<timestamp>' ? `list_transform(${sql}, lambda x: make_timestamp(x))` : sql
}

/** A value as it is appended. */
export function toAppended(type: FeatureType, value: Value | null): DuckDBValue {
  if (value === null) return null
  const parts = partsOf(type)
  if (parts.kind === 'scalar')
    return parts.name === 'bytes' ? new DuckDBBlobValue(value as Uint8Array) : (value as DuckDBValue)
  const item = parts.kind === 'list' ? parts.item : 'float32'
  return new DuckDBListValue((value as readonly (Value | null)[]).map((element) => toAppended(item, element)))
}

/** A value of a result as one of ours. */
export function fromResult(type: FeatureType, value: DuckDBValue): Value | null {
  if (value === null) return null
  const parts = partsOf(type)
  if (parts.kind !== 'scalar') {
    assert(value instanceof DuckDBListValue, `a ${type} is a list`)
    const item = parts.kind === 'list' ? parts.item : 'float32'
    return value.items.map((element) => fromResult(item, element))
  }
  if (value instanceof DuckDBTimestampValue) return value.micros
  if (value instanceof DuckDBBlobValue) return new Uint8Array(value.bytes)
  assert(typeof value !== 'object', `a ${type} is a scalar`)
  return value
}

/** Whether a value is −0 or has one. */
export function hasNegativeZero(value: Value | null): boolean {
  return Array.isArray(value) ? value.some(hasNegativeZero) : Object.is(value, -0)
}

/** Whether a stored type is read as another, exactly. */
function readable(stored: FeatureType, as: FeatureType): boolean {
  if (widens(stored, as)) return true
  const [a, b] = [partsOf(stored), partsOf(as)]
  return a.kind === 'list' && b.kind === 'list' && widens(a.item, b.item)
}

/**
 * SQL that reads a column by name as a type, out of rows that have some stored columns: the one of that name that is not
 * null, of those whose type widens to it without loss. `sqlOf` gives the SQL of a stored column.
 */
export function takenSql(
  take: { readonly column: string; readonly type: FeatureType },
  stored: readonly StoredColumn[],
  sqlOf: (column: StoredColumn) => string,
): string {
  const type = typeName(take.type)
  const found = stored
    .filter((column) => column.name === take.column && readable(column.type, take.type))
    .map((column) => (typeName(column.type) === type ? sqlOf(column) : `CAST(${sqlOf(column)} AS ${type})`))
  if (found.length > 1) return `coalesce(${found.join(', ')})`
  return found[0] ?? `CAST(NULL AS ${type})`
}

/** SQL of a stored column in a Parquet file. */
export const parquetSql = (column: StoredColumn): string => ident(storedName(column))
