import { fail } from '../../kernel/errors.ts'
import { nearest } from '../../kernel/nearest.ts'
import { must } from '../../kernel/assert.ts'
import type { FileSourceDef, SourceDef, SqlSourceDef } from '../../define/definition.ts'
import { createdColumn } from '../../define/resolved-view.ts'
import type { SqlInput, SqlRows, Take } from '../../query/relation.ts'
import { textCells } from '../../values/feature-type.ts'
import { readAs, sourceType } from './column-type.ts'
import { ident, literal, typeName, unskipped } from './dialect.ts'
import { failureOf } from './failure.ts'
import { type LeafContext, groupsOf, isFileSource } from './leaf-context.ts'
import { pushedRows } from './pushed-rows.ts'
import { tableOf } from './source-table.ts'
import { cellAs } from './text-cell.ts'
import { checkSql, refused } from './user-sql.ts'

/** A column of a query. */
interface SqlColumn {
  readonly name: string
  readonly type: string
}

/** A query and its columns. */
export interface DescribedQuery {
  readonly query: string
  readonly columns: readonly SqlColumn[]
}

/** A query for what is taken from a `sql` source, in its types. @throws MISSING_COLUMN, TYPE_MISMATCH, SQL_REFUSED. */
export async function sqlTable(context: LeafContext, leaf: SqlRows): Promise<string> {
  const source = leaf.source as SqlSourceDef
  const { query, columns } = await userQuery(context, source.sql, leaf.inputs, `source "${source.name}"`)
  const taken = leaf.take.map((t) => `${takenAs(source, columns, t)} AS ${ident(t.as)}`)
  return `SELECT ${taken.length === 0 ? '1 AS one' : taken.join(', ')} FROM (${query}) AS t`
}

function takenAs(source: SqlSourceDef, columns: readonly SqlColumn[], take: Take): string {
  const column = columns.find((c) => c.name === take.column)
  if (column === undefined) {
    const near = nearest(
      take.column,
      columns.map((c) => c.name),
    )
    throw fail(
      'MISSING_COLUMN',
      `The SQL of source "${source.name}" has no column "${take.column}"`,
      near === undefined ? {} : { remedy: `Did you mean "${near}"?` },
    )
  }
  const sql = readAs(`t.${ident(column.name)}`, column.type, take.type, {
    source: `source "${source.name}"`,
    column: column.name,
  })
  if (sql === undefined) {
    throw fail(
      'TYPE_MISMATCH',
      `Column "${take.column}" of the SQL of source "${source.name}" is ${sourceType(column.type)}, declared ${take.type}`,
      { remedy: `Cast it in the SQL: ${take.column}::${typeName(take.type)}` },
    )
  }
  return sql
}

/**
 * User SQL with its inputs under their names, as one query. The inputs are CTEs, so that SQL within SQL sees its own only.
 * @throws SQL_REFUSED.
 */
export async function userQuery(
  context: LeafContext,
  sql: string,
  inputs: readonly SqlInput[],
  label: string,
): Promise<DescribedQuery> {
  const text = await checkSql(context.session, sql, new Set(inputs.map((i) => i.source.name)), label)
  const ctes: string[] = []
  for (const input of inputs)
    ctes.push(`${ident(input.source.name)} AS NOT MATERIALIZED (${(await inputQuery(context, input)).query})`)
  const query = `${ctes.length === 0 ? '' : `WITH ${ctes.join(', ')} `}SELECT * FROM (\n${text}\n) AS t`
  try {
    return { query, columns: await describe(context, query) }
  } catch (thrown) {
    const failure = failureOf(thrown)
    throw failure.code === 'INTERNAL' ? refused(label, failure.message.replace(/^DuckDB: /, ''), thrown) : failure
  }
}

async function describe(context: LeafContext, query: string): Promise<SqlColumn[]> {
  return (await context.session.rows(`DESCRIBE ${query}`)).map((row) => ({
    name: String(row[0]),
    type: String(row[1]),
  }))
}

/** A source as SQL sees it: all of its own columns, its rows in place and those pushed to it. */
async function inputQuery(context: LeafContext, input: SqlInput): Promise<DescribedQuery> {
  const { source } = input
  const inPlace = isFileSource(source)
    ? await fileQuery(context, input, source)
    : source.type === 'sql'
      ? await userQuery(context, source.sql, input.inputs ?? [], `source "${source.name}"`)
      : undefined
  const columns = inPlace?.columns ?? pushColumns(source)
  const pushed = await pushedRows(context, input, columns)
  const parts = [inPlace?.query, pushed].filter((part) => part !== undefined)
  const query = parts.length === 0 ? emptyQuery(columns) : parts.join(' UNION ALL BY NAME ')
  return { columns, query: knownQuery(input, { columns, query }) }
}

/** Only the rows that were known at an instant. Of SQL within SQL the inputs are cut, and what it says itself of its rows is heeded too. */
function knownQuery({ source, knownAt }: SqlInput, { columns, query }: DescribedQuery): string {
  const created = createdColumn(source)
  if (knownAt === undefined || (created === null && source.type === 'sql')) return query
  const column = columns.find((c) => c.name === created)
  const origin = { source: `source "${source.name}"`, column: created ?? '' }
  const at = column === undefined ? undefined : readAs(`t.${ident(column.name)}`, column.type, 'timestamp', origin)
  if (at === undefined)
    throw fail(
      'NO_CREATED_COLUMN',
      `Source "${source.name}" has no created column of type timestamp, so what was known when cannot be told`,
    )
  return `SELECT * FROM (${query}) AS t WHERE ${at} <= ${literal('timestamp', knownAt)}`
}

async function fileQuery(context: LeafContext, input: SqlInput, source: FileSourceDef): Promise<DescribedQuery> {
  const groups = await groupsOf(context, input, source)
  if (groups.length === 0)
    throw fail('SOURCE_UNREADABLE', `Source "${source.name}" has no files, so that its columns are not known`)
  const instants = new Set([source.timestamp, createdColumn(source)])
  const parts = groups.map((group) => {
    const selected = group.schema.columns.map((c, i) => {
      if (c.type === 'BLOB') return `${unskipped(`f.${ident(c.name)}`)} AS ${ident(c.name)}`
      if (c.type !== textCells) return `f.${ident(c.name)}`
      const cell = `f.${ident(`c${i}`)}`
      return `${instants.has(c.name) ? cellAs(cell, 'timestamp', { source: `source "${source.name}"`, column: c.name }) : cell} AS ${ident(c.name)}`
    })
    return `SELECT ${selected.join(', ')} FROM ${tableOf(source, group)}`
  })
  const query = parts.join(' UNION ALL BY NAME ')
  return { query, columns: await describe(context, query) }
}

/** The columns of a source that has only pushed rows. */
function pushColumns(source: SourceDef): SqlColumn[] {
  const schema = source.type === 'push' || source.type === 'kafka' ? source.schema : []
  const instants = [source.timestamp, must(createdColumn(source), 'a push source has a created column')]
  const columns = schema
    .filter((c) => !instants.includes(c.name))
    .map((c) => ({ name: c.name, type: typeName(c.type) }))
  return [...columns, ...instants.map((name) => ({ name, type: 'TIMESTAMP' }))]
}

const emptyQuery = (columns: readonly SqlColumn[]): string =>
  `SELECT ${columns.map((c) => `CAST(NULL AS ${c.type}) AS ${ident(c.name)}`).join(', ')} WHERE false`
