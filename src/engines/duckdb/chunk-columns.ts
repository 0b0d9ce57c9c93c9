import {
  DuckDBBlobVector,
  DuckDBBooleanVector,
  type DuckDBDataChunk,
  DuckDBListVector,
  DuckDBVarCharVector,
  type DuckDBVector,
} from '@duckdb/node-api'
import type { Batch, ColumnValues, Field } from '../../values/batch.ts'
import type { Value } from '../../values/value.ts'
import { numbersOf } from './numeric-vector.ts'

/** Where a column of a batch comes from: a vector of the chunk, or one value for all rows. */
export type ColumnSource = { readonly vector: number } | { readonly value: Value | null }

/** Copies a chunk into a batch: what a chunk holds is DuckDB's memory, and is gone with it. */
export function batchOf(chunk: DuckDBDataChunk, fields: readonly Field[], sources: readonly ColumnSource[]): Batch {
  const rows = chunk.rowCount
  const columns = sources.map((from) =>
    'vector' in from
      ? valuesOf(chunk.getColumnVector(from.vector), rows)
      : Array.from<Value | null>({ length: rows }).fill(from.value),
  )
  return { fields, rows, columns }
}

function valuesOf(vector: DuckDBVector, rows: number): ColumnValues {
  if (vector instanceof DuckDBListVector) return lists(vector, rows)
  const isNull = nullsOf(vector as unknown as Nullable)
  // Numbers without a null among them are copied as they lie there; a bigint is made only for who reads it.
  const numbers = isNull === undefined ? numbersOf(vector) : undefined
  if (numbers !== undefined) return numbers.slice(0, rows)
  const read = readerOf(vector)
  const values = Array.from<Value | null>({ length: rows })
  if (isNull === undefined) for (let i = 0; i < rows; i++) values[i] = read(i)
  else for (let i = 0; i < rows; i++) values[i] = isNull(i) ? null : read(i)
  return values
}

function lists(vector: DuckDBListVector, rows: number): (Value | null)[] {
  const child = vector.childVector
  const elements = Array.from(valuesOf(child, child.itemCount))
  const isNull = nullsOf(vector as unknown as Nullable) ?? (() => false)
  return Array.from({ length: rows }, (_, i) => {
    if (isNull(i)) return null
    const offset = vector.getEntryOffset(i)
    return elements.slice(offset, offset + vector.getEntryLength(i))
  })
}

/** What every vector has, though its declaration does not say so. */
interface Nullable {
  readonly validity: { readonly data: BigUint64Array | null; readonly offset: number }
}

/** DuckDB's own test of a bit works in bigints, which costs more than reading the value. */
function nullsOf(vector: Nullable): ((i: number) => boolean) | undefined {
  const { data, offset } = vector.validity
  if (data === null) return undefined
  const bits = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return (i) => (((bits[(offset + i) >> 3] ?? 0) >> ((offset + i) & 7)) & 1) === 0
}

function readerOf(vector: DuckDBVector): (i: number) => Value | null {
  if (vector instanceof DuckDBVarCharVector) return textReader(vector)
  const numbers = numbersOf(vector)
  if (numbers !== undefined) return (i) => numbers[i] ?? null
  if (vector instanceof DuckDBBooleanVector) return (i) => vector.getItem(i)
  if (vector instanceof DuckDBBlobVector) {
    return (i) => {
      const bytes = vector.getItemBytes(i)
      return bytes === null ? null : new Uint8Array(bytes)
    }
  }
  throw new Error(`Assertion failed: a query selects no ${vector.constructor.name}`)
}

const entryBytes = 16
const inlineBytes = 12

/** Short texts lie in the entry itself. DuckDB's decoder takes a leading U+FEFF for a byte order mark and drops it. */
function textReader(vector: DuckDBVarCharVector): (i: number) => string | null {
  const { dataView } = vector as unknown as { readonly dataView: DataView }
  const bytes = Buffer.from(dataView.buffer, dataView.byteOffset, dataView.byteLength)
  return (i) => {
    const at = i * entryBytes
    const length = bytes.readUInt32LE(at)
    if (length <= inlineBytes) return bytes.toString('utf8', at + 4, at + 4 + length)
    const text = vector.getItem(i)
    return bytes[at + 4] === 0xef && bytes[at + 5] === 0xbb && bytes[at + 6] === 0xbf ? `\u{feff}${text ?? ''}` : text
  }
}
