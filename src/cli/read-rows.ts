import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { addAbortSignal } from 'node:stream'
import { extname, resolve } from 'node:path'
import { parseCell, readCsv } from '../codecs/csv.ts'
import { readNdjson } from '../codecs/ndjson.ts'
import { asProvenderError, fail, isProvenderError } from '../kernel/errors.ts'
import { limits } from '../kernel/limits.ts'
import type { FeatureType } from '../values/feature-type.ts'

/** Formats of files of rows. */
export type RowFormat = 'jsonl' | 'csv' | 'parquet'

type Row = Readonly<Record<string, unknown>>

/** Rows that go in one call, and the line of the file that each stands on, where it has lines. */
export interface RowChunk {
  readonly rows: readonly Row[]
  readonly lines: readonly number[]
}

/** A file of rows and how it is read. */
export interface RowSource {
  /** `-` for stdin. */
  readonly file: string
  readonly format: RowFormat
  /** By the names of columns: how the cells of CSV are read. */
  readonly types: ReadonlyMap<string, FeatureType>
  readonly signal: AbortSignal
}

/** Characters of the values of one call: far below what a server takes as a body. */
const chunkChars = 4 * 1024 * 1024

const formats: Readonly<Record<string, RowFormat>> = Object.freeze({
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  csv: 'csv',
  parquet: 'parquet',
})

/** The format of a file by --format, else by its suffix; JSON lines on stdin. @throws USAGE. */
export function formatOf(file: string, format: string | undefined): RowFormat {
  const name = format ?? (file === '-' ? 'jsonl' : extname(file).slice(1).toLowerCase())
  const known = Object.hasOwn(formats, name) ? formats[name] : undefined
  if (known === undefined) {
    throw fail(
      'USAGE',
      format === undefined ? `The format of ${file} cannot be told by its name` : `There is no format "${format}"`,
      { remedy: 'Use a name in .jsonl, .csv or .parquet, or pass --format jsonl, csv or parquet.' },
    )
  }
  if (known === 'parquet' && file === '-')
    throw fail('USAGE', 'Parquet cannot be read from stdin', { remedy: 'Give a file.' })
  return known
}

/**
 * Reads rows in the chunks of one call each. The same file gives the same chunks, so that an interrupted push can go on.
 * Cells of CSV are read by the type of their column; what does not fit stays text, so that the store says what is wrong with the row.
 * @throws USAGE when the file is not there; BAD_REQUEST with the line where it has not the format.
 */
export async function* readRows(source: RowSource): AsyncGenerator<RowChunk> {
  let rows: Row[] = []
  let lines: number[] = []
  let chars = 0
  for await (const { row, line } of recordsOf(source)) {
    rows.push(row)
    lines.push(line)
    chars += sizeOf(row)
    if (rows.length < limits.batchRows && chars < chunkChars) continue
    yield { rows, lines }
    rows = []
    lines = []
    chars = 0
  }
  if (rows.length > 0) yield { rows, lines }
}

/** Reads entities, JSON objects a line, in the chunks of one call each. @throws as `readRows`. */
export async function* readEntities(file: string, signal: AbortSignal): AsyncGenerator<readonly Row[]> {
  for await (const { rows } of readRows({ file, format: 'jsonl', types: new Map(), signal })) yield rows
}

interface Line {
  readonly row: Row
  readonly line: number
}

async function* recordsOf(source: RowSource): AsyncGenerator<Line> {
  if (source.format === 'parquet') yield* parquetLines(source)
  else if (source.format === 'csv') yield* csvLines(source)
  else yield* readNdjson(bytesOf(source), nameOf(source.file))
}

async function* csvLines(source: RowSource): AsyncGenerator<Line> {
  const { file, types } = source
  let names: readonly string[] | undefined
  for await (const { line, cells } of readCsv(bytesOf(source), nameOf(file))) {
    if (names === undefined) {
      names = cells.map((cell) => cell ?? '')
      const twice = names.find((name, i) => names?.indexOf(name) !== i)
      if (twice !== undefined)
        throw fail('BAD_REQUEST', `The header of ${nameOf(file)} has the column "${twice}" twice`, {
          at: `line ${line}`,
        })
      continue
    }
    const row = Object.create(null) as Record<string, unknown>
    for (const [i, name] of names.entries()) row[name] = valueOf(types.get(name), cells[i] ?? null)
    yield { row, line }
  }
}

function valueOf(type: FeatureType | undefined, cell: string | null): unknown {
  if (type === undefined) return cell
  try {
    return parseCell(type, cell, '')
  } catch (thrown) {
    if (isProvenderError(thrown)) return cell
    throw thrown
  }
}

async function* parquetLines({ file, signal }: RowSource): AsyncGenerator<Line> {
  await checkThere(file)
  const { readTableFile } = await import('../compose/read-table-file.ts')
  let line = 0
  for await (const batch of readTableFile(resolve(file), { signal })) {
    for (let i = 0; i < batch.rows; i++) {
      const row = Object.create(null) as Record<string, unknown>
      for (const [c, field] of batch.fields.entries()) row[field.name] = batch.columns[c]?.[i] ?? null
      yield { row, line: ++line }
    }
  }
}

/** The bytes of a file, or of stdin; a signal ends the wait for more. */
async function* bytesOf({ file, signal }: RowSource): AsyncGenerator<Uint8Array> {
  if (file !== '-') await checkThere(file)
  const stream: AsyncIterable<Uint8Array> =
    file === '-' ? addAbortSignal(signal, process.stdin) : createReadStream(file, { signal })
  yield* stream
}

/** @throws USAGE for what is no file that can be read. */
export async function checkThere(file: string): Promise<void> {
  try {
    if ((await stat(file)).isFile()) return
  } catch (thrown) {
    const isMissing = thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT'
    throw fail(
      'USAGE',
      isMissing ? `There is no file ${file}` : `${file} cannot be read: ${asProvenderError(thrown).message}`,
      { cause: thrown, remedy: 'Check the path; it is relative to the folder that you are in.' },
    )
  }
  throw fail('USAGE', `${file} is not a file`)
}

const nameOf = (file: string): string => (file === '-' ? 'stdin' : file)

/** About how many characters the values of a row would take. */
function sizeOf(row: Row): number {
  let chars = 0
  for (const value of Object.values(row))
    chars +=
      typeof value === 'string' || Array.isArray(value) || value instanceof Uint8Array
        ? value.length * (typeof value === 'string' ? 1 : 8)
        : 8
  return chars
}
