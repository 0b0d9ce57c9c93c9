import type { Field } from '../../values/batch.ts'
import { type FeatureType, isFeatureType } from '../../values/feature-type.ts'
import type { InputTable } from '../../query/block.ts'
import { fail } from '../../kernel/errors.ts'
import { nearest } from '../../kernel/nearest.ts'
import type { InputRows } from '../../query/relation.ts'
import { bounded, readAs, sourceType, widerIntegers } from './column-type.ts'
import { ident, typeName } from './dialect.ts'
import { keepTable } from './kept-table.ts'
import type { Session } from './session.ts'

/** An input in a table: how the plan sees it, and how its columns come out. */
export interface LoadedInput {
  readonly table: InputTable
  readonly outputs: ReadonlyMap<string, InputOutput>
}

/** How a column of an input comes out. */
export interface InputOutput {
  readonly field: Field
  /** SQL of its value in batches, and in Parquet, given SQL of the column. */
  readonly inBatch: (sql: string) => string
}

/** A column as it is brought: its name, DuckDB's type, and SQL over the table it is read from. */
export interface BroughtColumn {
  readonly name: string
  readonly duckType: string
  readonly sql: string
}

/** The number of a row within its input, from 1. */
export const rowColumn = 'row'

/**
 * Keeps what a query brings in a table of the session: rows numbered in their order, columns as they came (c0, c1, …) and the
 * used ones read as their types where that differs (u0, u1, …).
 * @throws MISSING_KEY or MISSING_COLUMN, TYPE_MISMATCH naming both types, NAME_COLLISION.
 */
export async function keepInput(
  session: Session,
  leaf: InputRows,
  from: { table: string; sql: string; columns: readonly BroughtColumn[]; label: string },
): Promise<LoadedInput> {
  checkNames(
    leaf,
    from.columns.map((c) => c.name),
    from.label,
  )
  const used = new Map<string, string>()
  const selected = from.columns.map((c, i) => `${c.sql} AS ${ident(`c${i}`)}`)
  for (const [i, use] of leaf.uses.entries()) {
    const index = from.columns.findIndex((c) => c.name === use.name)
    const column = from.columns[index]
    if (column === undefined) continue
    const sql = usedAs(column, use.type, from.label)
    used.set(use.name, sql === column.sql ? `c${index}` : `u${i}`)
    if (sql !== column.sql) selected.push(`${sql} AS ${ident(`u${i}`)}`)
  }
  await session.run(
    keepTable(
      from.table,
      `SELECT row_number() OVER () AS ${ident(rowColumn)}, ${selected.join(', ')} FROM ${from.sql}`,
    ),
  )
  return { table: inputTable({ table: from.table, used }, from.columns), outputs: outputsOf(leaf, from.columns) }
}

/** The plan's view of a kept input. */
export function inputTable(
  kept: { table: string; used: ReadonlyMap<string, string> },
  columns: readonly { readonly name: string; readonly duckType: string }[],
): InputTable {
  const own = columns.map((c, i) => {
    const type = sourceType(c.duckType)
    return { name: c.name, column: `c${i}`, type: isFeatureType(type) ? type : null }
  })
  return { table: kept.table, row: rowColumn, columns: own, used: kept.used }
}

/** How the columns of a kept input come out. */
export function outputsOf(
  leaf: InputRows,
  columns: readonly { readonly name: string; readonly duckType: string }[],
): Map<string, InputOutput> {
  const instants = new Set(leaf.uses.filter((u) => u.type === 'timestamp').map((u) => u.name))
  return new Map(
    columns.map((c) => [
      c.name,
      instants.has(c.name) ? instantOutput(c.name, c.duckType) : outputOf(c.name, c.duckType),
    ]),
  )
}

/** @throws NAME_COLLISION for two columns of one name, MISSING_KEY for one that the plan uses and that is not there. */
export function checkNames(leaf: InputRows, names: readonly string[], label: string): void {
  const seen = new Map<string, string>()
  for (const name of names) {
    const other = seen.get(name.toLowerCase())
    if (other !== undefined)
      throw fail('NAME_COLLISION', `${label} has the columns "${other}" and "${name}"`, {
        remedy: 'Rename one of the two; names that differ only in case count as equal.',
      })
    seen.set(name.toLowerCase(), name)
  }
  for (const use of leaf.uses) {
    if (names.includes(use.name)) continue
    const near = nearest(use.name, names)
    const remedy = near === undefined ? `Its columns: ${names.join(', ')}.` : `Did you mean "${near}"?`
    throw fail('MISSING_KEY', `${label} has no column "${use.name}"`, { remedy })
  }
}

const integers: ReadonlySet<string> = new Set([
  'TINYINT',
  'SMALLINT',
  'INTEGER',
  'BIGINT',
  'UTINYINT',
  'USMALLINT',
  'UINTEGER',
  'UBIGINT',
  'HUGEINT',
  'UHUGEINT',
])

/** An integer that the key's type cannot hold equals none of its values, so it may be null; other types must widen. */
function usedAs(column: BroughtColumn, type: FeatureType, label: string): string {
  if (column.duckType.startsWith('ENUM(') && type === 'string') return `CAST(${column.sql} AS VARCHAR)`
  const sql = readAs(column.sql, column.duckType, type, { source: label, column: column.name })
  if (sql !== undefined) return sql
  if (integers.has(column.duckType) && (type === 'int32' || type === 'int64'))
    return `TRY_CAST(${column.sql} AS ${typeName(type)})`
  throw fail(
    'TYPE_MISMATCH',
    `Column "${column.name}" of ${label} is ${sourceType(column.duckType)}, the plan needs ${type}`,
    { remedy: `Convert the column to ${type}.` },
  )
}

/** An instant that is used comes out as one, whatever its precision was. */
function instantOutput(name: string, duckType: string): InputOutput {
  return {
    field: { name, type: 'timestamp' },
    inBatch: (sql) => readAs(sql, duckType, 'timestamp', { source: 'the input', column: name }) ?? sql,
  }
}

/** A column comes out in its own type, small integers in the next of ours; as text where it is none of ours. */
function outputOf(name: string, duckType: string): InputOutput {
  if (duckType.startsWith('ENUM('))
    return { field: { name, type: 'string' }, inBatch: (sql) => `CAST(${sql} AS VARCHAR)` }
  if (duckType === 'TIMESTAMP_NS' || duckType === 'TIMESTAMP_NS[]') return foreign(name, duckType)
  if (duckType === 'TIMESTAMP') return { field: { name, type: 'timestamp' }, inBatch: bounded }
  const type = widened(sourceType(duckType))
  if (type === undefined) return foreign(name, duckType)
  return {
    field: { name, type },
    inBatch: (sql) => readAs(sql, duckType, type, { source: 'the input', column: name }) ?? sql,
  }
}

const foreign = (name: string, duckType: string): InputOutput => ({
  field: { name, type: { foreign: duckType } },
  inBatch: (sql) => `CAST(${sql} AS VARCHAR)`,
})

function widened(type: string): FeatureType | undefined {
  if (isFeatureType(type)) return type
  const item = /^list<(.+)>$/.exec(type)?.[1]
  const wide = item === undefined ? undefined : widerIntegers[item]
  if (wide === 'int32' || wide === 'int64') return `list<${wide}>`
  return widerIntegers[type]
}
