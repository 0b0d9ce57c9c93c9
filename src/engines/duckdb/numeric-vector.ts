import {
  DuckDBBigIntVector,
  DuckDBDoubleVector,
  DuckDBFloatVector,
  DuckDBIntegerVector,
  DuckDBTimestampVector,
  type DuckDBVector,
} from '@duckdb/node-api'

/** Numbers as a vector has them. */
export type Numbers = BigInt64Array | Float64Array | Float32Array | Int32Array

/** The numbers of a vector, as they lie there, nulls among them: its declaration does not say that it has them. Undefined where it is none of numbers. */
export function numbersOf(vector: DuckDBVector): Numbers | undefined {
  const isNumeric =
    vector instanceof DuckDBBigIntVector ||
    vector instanceof DuckDBTimestampVector ||
    vector instanceof DuckDBDoubleVector ||
    vector instanceof DuckDBFloatVector ||
    vector instanceof DuckDBIntegerVector
  return isNumeric ? (vector as unknown as { readonly items: Numbers }).items : undefined
}
