import { createReadStream } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { type DuckDBAppender, DuckDBDataChunk, type DuckDBValue, BIGINT } from '@duckdb/node-api'
import { readNdjson } from '../../codecs/ndjson.ts'
import type { At } from '../../codecs/json-value.ts'
import { fail, isProvenderError } from '../../kernel/errors.ts'
import type { SpineInput } from '../../ports/offline.ts'
import type { InputRows } from '../../query/relation.ts'
import { ColumnFinder, type JsColumnType, type JsRow, brought } from './brought-columns.ts'
import { ident, typeName } from './dialect.ts'
import { duckType, duckValue } from './duck-value.ts'
import { type LoadedInput, checkNames, inputTable, outputsOf, rowColumn } from './input-table.ts'
import type { Session } from './session.ts'

/** Rows and where each came from. */
type Rows = () => AsyncIterable<{ readonly row: JsRow; readonly at: (name: string) => At }>

/** Keeps rows of JavaScript or NDJSON in a table of the session. Declared columns are read by their types, the types of the others found. */
export async function keepRows(
  session: Session,
  leaf: InputRows,
  input: SpineInput & { kind: 'rows' | 'columns' | 'file' },
  table: string,
): Promise<LoadedInput> {
  const rows = rowsOf(input)
  const label = `input "${leaf.name}"`
  const finder = new ColumnFinder(new Map(leaf.uses.map((u) => [u.name, u.type])))
  // Columns have their names even without a row.
  if (input.kind === 'columns') finder.see(Object.fromEntries(Object.keys(input.columns).map((name) => [name, null])))
  let count = 0
  for await (const { row } of rows()) {
    finder.see(row)
    if (++count % (chunkRows * chunksAtOnce) === 0) {
      session.check()
      await setImmediate()
    }
  }
  const found = finder.columns()
  // No rows, no names: the columns in use are there all the same.
  const columns = found.length === 0 ? leaf.uses.map((u): { name: string; type: JsColumnType } => ({ ...u })) : found
  checkNames(
    leaf,
    columns.map((c) => c.name),
    label,
  )
  const types = columns.map((c) => (c.type === 'json' ? 'VARCHAR' : typeName(c.type)))
  await session.run(
    `CREATE TEMP TABLE ${ident(table)} (${[`${ident(rowColumn)} BIGINT`, ...types.map((type, i) => `${ident(`c${i}`)} ${type}`)].join(', ')})`,
  )
  const appender = await session.connection.createAppender(table, 'main', 'temp')
  try {
    await append(session, appender, rows, columns)
  } finally {
    appender.closeSync()
  }
  const used = new Map(leaf.uses.map((u) => [u.name, `c${columns.findIndex((c) => c.name === u.name)}`]))
  const described = columns.map((c, i) => ({
    name: c.name,
    duckType: c.type === 'json' ? 'JSON' : (types[i] ?? 'VARCHAR'),
  }))
  return { table: inputTable({ table, used }, described), outputs: outputsOf(leaf, described) }
}

function rowsOf(input: SpineInput & { kind: 'rows' | 'columns' | 'file' }): Rows {
  switch (input.kind) {
    case 'rows':
      return async function* () {
        for (const [i, row] of input.rows.entries()) yield { row, at: (name) => () => `/spine/rows/${i}/${name}` }
      }
    case 'columns':
      return () => rowsOfColumns(input.columns)
    case 'file':
      return async function* () {
        const stream = createReadStream(input.path)
        try {
          for await (const { line, row } of readNdjson(stream, input.path))
            yield { row, at: () => () => `${input.path}:${line}` }
        } catch (thrown) {
          throw isProvenderError(thrown)
            ? thrown
            : fail('SOURCE_UNREADABLE', thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown })
        } finally {
          stream.destroy()
        }
      }
  }
}

async function* rowsOfColumns(
  columns: Readonly<Record<string, readonly unknown[]>>,
): AsyncGenerator<{ row: JsRow; at: (name: string) => At }> {
  const entries = Object.entries(columns)
  const [first] = entries
  if (first === undefined) return
  const length = first[1].length
  const other = entries.find(([, values]) => values.length !== length)
  if (other !== undefined)
    throw fail(
      'BAD_REQUEST',
      `The columns "${first[0]}" and "${other[0]}" have ${length} and ${other[1].length} values`,
      { remedy: 'Send columns of one length.' },
    )
  for (let i = 0; i < length; i++) {
    const row = Object.create(null) as Record<string, unknown>
    for (const [name, values] of entries) row[name] = values[i]
    yield { row, at: (name) => () => `/spine/columns/${name}/${i}` }
  }
}

const chunkRows = 2048

/** Chunks after which others get their turn. */
const chunksAtOnce = 8

async function append(
  session: Session,
  appender: DuckDBAppender,
  rows: Rows,
  columns: readonly { name: string; type: JsColumnType }[],
): Promise<void> {
  const kept = columns.map(({ type }) => (type === 'json' ? 'string' : type))
  const types = [BIGINT, ...kept.map(duckType)]
  let values: DuckDBValue[][] = types.map(() => [])
  let row = 0n
  const flush = (): void => {
    const chunk = DuckDBDataChunk.create(types)
    chunk.setColumns(values)
    appender.appendDataChunk(chunk)
    values = types.map(() => [])
  }
  for await (const each of rows()) {
    values[0]?.push(++row)
    for (const [i, column] of columns.entries()) {
      const value = Object.hasOwn(each.row, column.name)
        ? brought(column.type, each.row[column.name], each.at(column.name))
        : null
      values[i + 1]?.push(value === null ? null : duckValue(kept[i] ?? 'string', value))
    }
    if (values[0]?.length === chunkRows) {
      flush()
      session.check()
      if (row % BigInt(chunkRows * chunksAtOnce) === 0n) await setImmediate()
    }
  }
  if (values[0]?.length !== 0) flush()
}
