import { fail } from '../../kernel/errors.ts'
import type { InputRows } from '../../query/relation.ts'
import { ident, typeName } from './dialect.ts'
import { failureOf } from './failure.ts'
import { type FileSchemas, csvTable, parquetTable } from './file-schema.ts'
import { type BroughtColumn, type LoadedInput, keepInput } from './input-table.ts'
import type { Session } from './session.ts'
import { identityOf } from './source-files.ts'
import { cellAs } from './text-cell.ts'

/** Keeps a Parquet or CSV file in a table of the session. CSV cells are text, but for the columns that the plan uses. */
export async function keepFile(
  session: Session,
  leaf: InputRows,
  from: { path: string; format: 'parquet' | 'csv'; table: string; schemas: FileSchemas },
): Promise<LoadedInput> {
  const { path, format, table, schemas } = from
  const file = await identityOf(path)
  if (file === undefined) throw fail('SOURCE_UNREADABLE', `${path} is not there`)
  const [schema] = await schemas.of(session, [file], format)
  if (schema === undefined || schema.columns.length === 0) throw fail('SOURCE_UNREADABLE', `${path} has no columns`)
  const uses = new Map(leaf.uses.map((u) => [u.name, u.type]))
  const columns = schema.columns.map(({ name, type }, i): BroughtColumn => {
    if (format === 'parquet') return { name, duckType: type, sql: `f.${ident(name)}` }
    const use = uses.get(name)
    const sql = `f.${ident(`c${i}`)}`
    return use === undefined
      ? { name, duckType: 'VARCHAR', sql }
      : { name, duckType: typeName(use), sql: cellAs(sql, use, { source: path, column: name }) }
  })
  const sql = format === 'parquet' ? parquetTable([path]) : csvTable([path], columns.length)
  try {
    return await keepInput(session, leaf, { table, sql, columns, label: path })
  } catch (thrown) {
    const failure = failureOf(thrown)
    if (failure.code !== 'SOURCE_UNREADABLE' || failure.message.includes(path)) throw thrown
    throw fail('SOURCE_UNREADABLE', `${path}: ${failure.message}`, { cause: thrown })
  }
}
