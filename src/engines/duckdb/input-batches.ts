import { type DuckDBAppender, DuckDBDataChunk, type DuckDBVector, BIGINT } from '@duckdb/node-api'
import type { SpineInput } from '../../ports/offline.ts'
import type { InputRows } from '../../query/relation.ts'
import type { Batch, ColumnValues } from '../../values/batch.ts'
import type { FeatureType } from '../../values/feature-type.ts'
import { ident, typeName } from './dialect.ts'
import { duckType, duckValue } from './duck-value.ts'
import { type LoadedInput, checkNames, inputTable, keepInput, outputsOf, rowColumn } from './input-table.ts'
import { type Numbers, numbersOf } from './numeric-vector.ts'
import type { Session } from './session.ts'

/** Rows of one chunk, which is DuckDB's own. */
const chunkRows = 2_048

/** Keeps the batches of another query in a table of the session, as they come; their types are known. */
export async function keepBatches(
  session: Session,
  leaf: InputRows,
  input: SpineInput & { kind: 'batches' },
  table: string,
): Promise<LoadedInput> {
  const label = `input "${leaf.name}"`
  const { fields } = input
  checkNames(
    leaf,
    fields.map(({ name }) => name),
    label,
  )
  const asTheyAre = leaf.uses.every(({ name, type }) => fields.some((f) => f.name === name && f.type === type))
  const into = asTheyAre ? table : `${table}_brought`
  const columns = fields.map(({ name, type }, i) => ({ name, column: `c${i}`, type, duckType: typeName(type) }))
  const made = columns.map(({ column, duckType: type }) => `${ident(column)} ${type}`)
  await session.run(`CREATE TEMP TABLE ${ident(into)} (${[`${ident(rowColumn)} BIGINT`, ...made].join(', ')})`)
  const appender = await session.connection.createAppender(into, 'main', 'temp')
  try {
    let rows = 0
    for await (const batch of input.batches()) {
      session.check()
      for (let from = 0; from < batch.rows; from += chunkRows) {
        const count = Math.min(chunkRows, batch.rows - from)
        append(appender, fields, { batch, from, count, first: rows + 1 })
        rows += count
      }
    }
  } finally {
    appender.closeSync()
  }
  if (asTheyAre) {
    const used = new Map(leaf.uses.map((u) => [u.name, `c${fields.findIndex((f) => f.name === u.name)}`]))
    return { table: inputTable({ table, used }, columns), outputs: outputsOf(leaf, columns) }
  }
  const brought = columns.map(({ name, column, duckType: type }) => ({
    name,
    duckType: type,
    sql: `f.${ident(column)}`,
  }))
  const kept = await keepInput(session, leaf, { table, sql: `${ident(into)} AS f`, columns: brought, label })
  await session.run(`DROP TABLE ${ident(into)}`)
  return kept
}

interface Part {
  readonly batch: Batch
  readonly from: number
  readonly count: number
  /** The number of its first row. */
  readonly first: number
}

function append(
  appender: DuckDBAppender,
  fields: readonly { readonly type: FeatureType }[],
  { batch, from, count, first }: Part,
): void {
  const chunk = DuckDBDataChunk.create([BIGINT, ...fields.map(({ type }) => duckType(type))], count)
  const numbers = BigInt64Array.from({ length: count }, (_, i) => BigInt(first + i))
  fill(chunk.getColumnVector(0), 'int64', numbers, { from: 0, count })
  for (const [i, { type }] of fields.entries())
    fill(chunk.getColumnVector(i + 1), type, batch.columns[i] ?? [], { from, count })
  appender.appendDataChunk(chunk)
}

/** Numbers are written where they lie, all at once where there is no null among them: a vector's own way checks each. */
function fill(
  vector: DuckDBVector,
  type: FeatureType,
  values: ColumnValues,
  { from, count }: { readonly from: number; readonly count: number },
): void {
  const items = numbersOf(vector)
  if (items !== undefined && isLike(items, values)) items.set(values.subarray(from, from + count) as never)
  else
    for (let i = 0; i < count; i++) {
      const value = values[from + i] ?? null
      if (value !== null && items !== undefined) items[i] = value as never
      else vector.setItem(i, value === null ? null : duckValue(type, value))
    }
  vector.flush()
}

const isLike = (items: Numbers, values: ColumnValues): values is ColumnValues & Numbers =>
  values.constructor === items.constructor
