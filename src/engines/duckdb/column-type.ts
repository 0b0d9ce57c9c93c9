import { type FeatureType, type ScalarName, partsOf, readsAs } from '../../values/feature-type.ts'
import { typeName } from './dialect.ts'
import { badCellSql } from './failure.ts'

/** DuckDB's types that are ours, or that widen to one of ours. */
const sourceTypes: Readonly<Record<string, string>> = Object.freeze({
  BOOLEAN: 'bool',
  TINYINT: 'int8',
  SMALLINT: 'int16',
  INTEGER: 'int32',
  BIGINT: 'int64',
  UTINYINT: 'uint8',
  USMALLINT: 'uint16',
  UINTEGER: 'uint32',
  FLOAT: 'float32',
  DOUBLE: 'float64',
  VARCHAR: 'string',
  BLOB: 'bytes',
  DATE: 'date',
  TIMESTAMP: 'timestamp',
  TIMESTAMP_S: 'timestamp',
  TIMESTAMP_MS: 'timestamp',
  TIMESTAMP_NS: 'timestamp',
  'TIMESTAMP WITH TIME ZONE': 'timestamp',
})

/** Integers that are none of ours, and the next of ours that holds them. */
export const widerIntegers: Readonly<Record<string, FeatureType>> = Object.freeze({
  int8: 'int32',
  int16: 'int32',
  uint8: 'int32',
  uint16: 'int32',
  uint32: 'int64',
})

/** The type of a DuckDB column as `readsAs` knows it; DuckDB's own name where it has none. */
export function sourceType(duckType: string): string {
  const item = /^(.*)\[\d*\]$/s.exec(duckType)?.[1]
  if (item !== undefined) {
    const scalar = item.endsWith(']') ? undefined : scalarType(item)
    return scalar === undefined ? duckType : `list<${scalar}>`
  }
  return scalarType(duckType) ?? duckType
}

function scalarType(duckType: string): string | undefined {
  const decimal = /^DECIMAL\((\d+),0\)$/.exec(duckType)
  if (decimal !== null) return Number(decimal[1]) <= 18 ? 'decimal18_0' : undefined
  return sourceTypes[duckType]
}

/** Names a column for the errors of its cells. */
export interface CellOrigin {
  /** Such as `source "flights"`. */
  readonly source: string
  readonly column: string
}

/**
 * SQL that reads a column of a DuckDB type as a declared type, exactly; undefined where that is not possible for every value.
 * Instants finer than a microsecond are floored, those outside years 1–9999 (infinite ones too) are null.
 */
export function readAs(sql: string, duckType: string, declared: FeatureType, origin: CellOrigin): string | undefined {
  const source = sourceType(duckType)
  if (!readsAs(source, declared)) return undefined
  const parts = partsOf(declared)
  if (parts.kind === 'scalar') return readScalar(sql, duckType, parts.name)
  const item = duckType.slice(0, duckType.lastIndexOf('['))
  if (parts.kind === 'vector') {
    const list = `CAST(${sql} AS FLOAT[])`
    const bad = badCellSql({ ...origin, type: declared }, `CAST(${sql} AS VARCHAR)`)
    return `CASE WHEN ${sql} IS NULL THEN NULL WHEN len(${list}) = ${parts.size} AND list_count(${list}) = ${parts.size} THEN ${list} ELSE ${bad} END`
  }
  if (item === typeName(parts.item) && parts.item !== 'timestamp')
    return duckType.endsWith('[]') ? sql : `CAST(${sql} AS ${typeName(declared)})`
  return `list_transform(CAST(${sql} AS ${item}[]), lambda _x: ${readScalar('_x', item, parts.item)})`
}

function readScalar(sql: string, duckType: string, declared: ScalarName): string {
  if (declared === 'timestamp') return instantOf(sql, duckType)
  return duckType === typeName(declared) ? sql : `CAST(${sql} AS ${typeName(declared)})`
}

/** Only instants of years 1–9999; what has no such instant is null. */
export const bounded = (sql: string): string =>
  `CASE WHEN ${sql} BETWEEN TIMESTAMP '0001-01-01 00:00:00' AND TIMESTAMP '9999-12-31 23:59:59.999999' THEN ${sql} END`

/** The instant of a timestamp of any precision. Casts of nanoseconds round up before 1970, so they are floored as integers. */
function instantOf(sql: string, duckType: string): string {
  switch (duckType) {
    case 'TIMESTAMP':
      return bounded(sql)
    case 'TIMESTAMP WITH TIME ZONE':
      return `CASE WHEN isfinite(${sql}) THEN ${bounded(`make_timestamp(epoch_us(${sql}))`)} END`
    case 'TIMESTAMP_NS':
      return `CASE WHEN isfinite(${sql}) THEN make_timestamp(CASE WHEN epoch_ns(${sql}) >= 0 THEN epoch_ns(${sql}) // 1000 ELSE -((999 - epoch_ns(${sql})) // 1000) END) END`
    default:
      return bounded(`TRY_CAST(${sql} AS TIMESTAMP)`)
  }
}
