import { randomUUID } from 'node:crypto'
import { copyFile, mkdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fail, isProvenderError } from '../../kernel/errors.ts'
import type { QueryResult } from '../../ports/offline.ts'
import type { CompiledColumn } from '../../query/block.ts'
import { type Compiled, queryText } from '../../query/compile.ts'
import type { Select } from '../../query/dialect.ts'
import type { Batch, Field } from '../../values/batch.ts'
import { type ColumnSource, batchOf } from './chunk-columns.ts'
import { quote } from './dialect.ts'
import { duckdbDialect } from './plan-dialect.ts'
import type { InputOutput } from './input-table.ts'
import type { Session } from './session.ts'

/** What a running query rests on. */
export interface QueryParts {
  readonly session: Session
  readonly compiled: Compiled
  /** By the names of input columns. */
  readonly outputs: ReadonlyMap<string, InputOutput>
  /** Where a locked session may write; null where it may write anywhere. */
  readonly scratchDir: string | null
  /** Looks at the sources again. @throws SOURCE_CHANGED. */
  readonly checkSources: () => Promise<void>
  /** Makes the best of an error: names the file, the row. */
  readonly explain: (thrown: unknown) => Promise<Error>
}

/** The rows of a compiled query. */
export function queryResult(parts: QueryParts): QueryResult {
  const fields = parts.compiled.columns.map((c) => fieldOf(c, parts.outputs))
  let read = false
  const once = (): void => {
    if (read) throw fail('CLOSED', 'The result was read already')
    read = true
  }
  return {
    fields,
    batches: () => {
      once()
      return batches(parts, fields)
    },
    writeParquet: async (path) => {
      once()
      return writeParquet(parts, path)
    },
    [Symbol.asyncDispose]: () => parts.session[Symbol.asyncDispose](),
  }
}

function fieldOf(column: CompiledColumn, outputs: ReadonlyMap<string, InputOutput>): Field {
  const output = column.inputColumn === undefined ? undefined : outputs.get(column.inputColumn)
  if (output !== undefined) return { ...output.field, name: column.name }
  if (column.type === null) throw new Error(`Assertion failed: the column ${column.name} has a type`)
  return { name: column.name, type: column.type }
}

async function* batches(parts: QueryParts, fields: readonly Field[]): AsyncGenerator<Batch> {
  const { session, compiled, outputs } = parts
  let first = true
  try {
    const { selected, sources } = selectedOf(compiled, outputs)
    const result = await session.stream(queryText(duckdbDialect, compiled, selected))
    for (;;) {
      const chunk = await session.guard(() => result.fetchChunk())
      const last = chunk === null || chunk.rowCount === 0
      // Before the first rows leave, too: a plan that ends in an aggregation has read all of its files by then.
      if (first || last) await parts.checkSources()
      if (last) break
      first = false
      yield batchOf(chunk, fields, sources)
    }
  } catch (thrown) {
    throw await parts.explain(thrown)
  } finally {
    await session[Symbol.asyncDispose]()
  }
}

/** What is selected, and where each column of a batch comes from: what is the same in all rows is not asked for. */
function selectedOf(
  { columns }: Compiled,
  outputs: ReadonlyMap<string, InputOutput>,
): { selected: Select['columns']; sources: ColumnSource[] } {
  const selected: { sql: string; name: string }[] = []
  const sources = columns.map((column, i): ColumnSource => {
    const isLast = i === columns.length - 1 && selected.length === 0
    if (column.constant !== undefined && !isLast) return { value: column.constant.value }
    selected.push({ sql: inBatch(column, outputs), name: `c${i}` })
    return { vector: selected.length - 1 }
  })
  return { selected, sources }
}

function inBatch(column: CompiledColumn, outputs: ReadonlyMap<string, InputOutput>): string {
  const output = column.inputColumn === undefined ? undefined : outputs.get(column.inputColumn)
  return output === undefined ? column.sql : output.inBatch(column.sql)
}

/**
 * Writes beside the target and renames, so that nobody ever sees half a file.
 * @throws BAD_REQUEST where the target cannot be written.
 */
async function writeParquet(parts: QueryParts, path: string): Promise<number> {
  const { session, compiled } = parts
  const beside = join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`)
  const written = parts.scratchDir === null ? beside : join(parts.scratchDir, `${randomUUID()}.parquet`)
  try {
    if (parts.scratchDir !== null) await mkdir(parts.scratchDir, { recursive: true })
    const query = queryText(duckdbDialect, compiled, compiled.columns)
    const options = ['FORMAT parquet', 'COMPRESSION snappy', 'USE_TMP_FILE false']
    if (await hasNegativeZeros(parts)) options.push('DICTIONARY_SIZE_LIMIT 0')
    const [row] = await session.rows(`COPY (${query}) TO ${quote(written)} (${options.join(', ')})`)
    await parts.checkSources()
    if (written !== beside) await copyFile(written, beside)
    await rename(beside, path)
    return Number(row?.[0] ?? 0)
  } catch (thrown) {
    if (isUnwritable(thrown, [beside, written]))
      throw fail('BAD_REQUEST', `${path} cannot be written: ${thrown.message}`, { cause: thrown })
    throw await parts.explain(thrown)
  } finally {
    await Promise.all([rm(beside, { force: true }), rm(written, { force: true })])
    await session[Symbol.asyncDispose]()
  }
}

/**
 * Whether −0 is among what is kept: the dictionaries of DuckDB's Parquet files cannot tell it from 0. Where nothing is kept,
 * looking would run the query twice.
 */
async function hasNegativeZeros({ session, compiled }: QueryParts): Promise<boolean> {
  const isOne = (sql: string): string => `${sql} = 0 AND signbit(${sql})`
  const tests = compiled.columns.flatMap(({ sql, type }) => {
    if (type === 'float32' || type === 'float64') return [isOne(sql)]
    const floats = type === 'list<float32>' || type === 'list<float64>' || type?.startsWith('vector<') === true
    return floats ? [`len(list_filter(${sql}, lambda _x: ${isOne('_x')})) > 0`] : []
  })
  if (compiled.steps.length === 0 || tests.length === 0) return false
  const any = { sql: `bool_or(${tests.map((test) => `coalesce(${test}, false)`).join(' OR ')})`, name: 'any' }
  const [row] = await session.rows(queryText(duckdbDialect, { ...compiled, order: [] }, [any]))
  return row?.[0] === true
}

/** Whether an error is about the file that is written. */
function isUnwritable(thrown: unknown, paths: readonly string[]): thrown is Error {
  if (!(thrown instanceof Error) || (isProvenderError(thrown) && thrown.code !== 'SOURCE_UNREADABLE')) return false
  return paths.some((path) => thrown.message.includes(path)) && !/ENOSPC|EDQUOT/.test(thrown.message)
}
