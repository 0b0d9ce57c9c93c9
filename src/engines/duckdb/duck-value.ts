import {
  DuckDBBlobValue,
  DuckDBListValue,
  DuckDBTimestampValue,
  type DuckDBType,
  type DuckDBValue,
  BIGINT,
  BLOB,
  BOOLEAN,
  DOUBLE,
  FLOAT,
  INTEGER,
  LIST,
  TIMESTAMP,
  VARCHAR,
} from '@duckdb/node-api'
import { type FeatureType, type ScalarName, partsOf } from '../../values/feature-type.ts'
import type { Value } from '../../values/value.ts'

const scalars: Readonly<Record<ScalarName, DuckDBType>> = Object.freeze({
  bool: BOOLEAN,
  int32: INTEGER,
  int64: BIGINT,
  float32: FLOAT,
  float64: DOUBLE,
  string: VARCHAR,
  bytes: BLOB,
  timestamp: TIMESTAMP,
})

/** DuckDB's type of values of ours. */
export function duckType(type: FeatureType): DuckDBType {
  const parts = partsOf(type)
  return parts.kind === 'scalar' ? scalars[parts.name] : LIST(scalars[parts.kind === 'list' ? parts.item : 'float32'])
}

/** A value of ours as DuckDB takes it. */
export function duckValue(type: FeatureType, value: Value): DuckDBValue {
  const parts = partsOf(type)
  if (parts.kind === 'scalar') return duckScalar(parts.name, value)
  const item = parts.kind === 'list' ? parts.item : 'float32'
  return new DuckDBListValue((value as readonly (Value | null)[]).map((v) => (v === null ? null : duckScalar(item, v))))
}

function duckScalar(type: ScalarName, value: Value): DuckDBValue {
  if (type === 'timestamp') return new DuckDBTimestampValue(value as bigint)
  if (type === 'bytes') return new DuckDBBlobValue(value as Uint8Array)
  return value as boolean | number | bigint | string
}
