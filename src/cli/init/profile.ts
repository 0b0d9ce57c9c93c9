import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { readCsv } from '../../codecs/csv.ts'
import { fail } from '../../kernel/errors.ts'
import { type FeatureType, isFeatureType, widenings } from '../../values/feature-type.ts'
import { formatInstant, parseInstant } from '../../values/instant.ts'

/** A column of a file. */
export interface ProfiledColumn {
  readonly name: string
  /** The type to declare; null where none of ours reads it. */
  readonly type: FeatureType | null
  /** The type in the file's own words. */
  readonly written: string
  /** Its values in the first rows, as text; null is null. Instants are RFC 3339. */
  readonly sample: readonly (string | null)[]
}

/** What a file of rows is found to be. */
export interface Profile {
  readonly format: 'csv' | 'parquet'
  readonly rows: number
  readonly columns: readonly ProfiledColumn[]
}

/** Rows that guesses about keys and times are made from. */
const sampleRows = 10_000

/**
 * Reads what the columns of a file are: the types of Parquet, those that fit every cell of CSV.
 * @param path absolute
 * @throws USAGE for a file that is not there, of another kind, or without rows; BAD_REQUEST naming the line that is no CSV; SOURCE_UNREADABLE.
 */
export async function profileOf(path: string, signal: AbortSignal): Promise<Profile> {
  if ((await stat(path).catch(() => undefined))?.isFile() !== true) throw fail('USAGE', `There is no file ${path}`)
  const kind = extname(path).toLowerCase()
  if (kind !== '.csv' && kind !== '.parquet')
    throw fail('USAGE', `${path} is neither a .parquet nor a .csv file`, {
      remedy: 'Convert it to Parquet, or to CSV with a header.',
    })
  const profile = kind === '.csv' ? await profileCsv(path, signal) : await profileParquet(path, signal)
  const twice = twins(profile.columns.map(({ name }) => name))
  if (twice !== undefined)
    throw fail('USAGE', `${path} has the columns "${twice[0]}" and "${twice[1]}"`, {
      remedy: 'Rename one of the two: names that differ only in case count as equal.',
    })
  if (profile.rows === 0)
    throw fail('USAGE', `${path} has no rows`, { remedy: 'Give a file with some rows: types are read from them.' })
  return profile
}

function twins(names: readonly string[]): readonly [string, string] | undefined {
  const seen = new Map<string, string>()
  for (const name of names) {
    const other = seen.get(name.toLowerCase())
    if (other !== undefined) return [other, name]
    seen.set(name.toLowerCase(), name)
  }
  return undefined
}

/** Types of cells, each with what it takes; a column has the first that takes all its cells. */
const cellTypes: readonly (readonly [FeatureType, (cell: string) => boolean])[] = [
  ['bool', (cell) => cell === 'true' || cell === 'false'],
  ['int64', (cell) => /^-?(?:0|[1-9]\d{0,17})$/.test(cell)],
  ['float64', (cell) => floats.test(cell) && (specials.has(cell) || Number.isFinite(Number(cell)))],
  ['timestamp', (cell) => parseInstant(cell) !== undefined],
]

const floats = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|NaN|-?Infinity)$/
const specials: ReadonlySet<string> = new Set(['NaN', 'Infinity', '-Infinity'])

interface CsvColumn {
  readonly name: string
  /** Types that no cell has ruled out. */
  possible: number[]
  cells: number
  readonly sample: (string | null)[]
}

async function profileCsv(path: string, signal: AbortSignal): Promise<Profile> {
  let columns: CsvColumn[] | undefined
  let rows = 0
  const stream = createReadStream(path, { signal })
  for await (const { cells } of readCsv(stream, path)) {
    if (columns === undefined) {
      columns = cells.map((name) => ({ name: name ?? '', possible: [...cellTypes.keys()], cells: 0, sample: [] }))
      continue
    }
    rows++
    for (const [i, column] of columns.entries()) see(column, cells[i] ?? null)
  }
  return { format: 'csv', rows, columns: (columns ?? []).map(profiledCsv) }
}

function see(column: CsvColumn, cell: string | null): void {
  if (column.sample.length < sampleRows) column.sample.push(cell)
  if (cell === null) return
  column.cells++
  const { possible } = column
  if (possible.length > 0 && !possible.every((i) => cellTypes[i]?.[1](cell)))
    column.possible = possible.filter((i) => cellTypes[i]?.[1](cell))
}

function profiledCsv({ name, possible, cells, sample }: CsvColumn): ProfiledColumn {
  const [first] = possible
  const type: FeatureType = cells === 0 || first === undefined ? 'string' : (cellTypes[first]?.[0] ?? 'string')
  const texts = type === 'timestamp' ? sample.map((cell) => (cell === null ? null : instantText(cell))) : sample
  return { name, type, written: cells === 0 ? 'empty' : type, sample: texts }
}

async function profileParquet(path: string, signal: AbortSignal): Promise<Profile> {
  const { sampleTableFile } = await import('../../compose/read-table-file.ts')
  const { columns, rows, batches } = await sampleTableFile(path, sampleRows, { signal })
  const [{ fields } = { fields: [] }] = batches
  return {
    format: 'parquet',
    rows: rows ?? batches.reduce((sum, batch) => sum + batch.rows, 0),
    columns: columns.map(({ name, type }) => {
      const at = fields.findIndex((field) => field.name === name)
      const values = batches.flatMap((batch) => Array.from(batch.columns[at] ?? []))
      const ours = isFeatureType(type) ? type : (widenings[type]?.[0] ?? listType(type))
      const text = (value: unknown): string | null =>
        value === null || value === undefined
          ? null
          : ours === 'timestamp'
            ? instantText(value as string | bigint)
            : typeof value === 'string'
              ? value
              : JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each))
      return { name, type: ours, written: type, sample: values.map(text) }
    }),
  }
}

/** A list of elements that widen. */
function listType(type: string): FeatureType | null {
  const item = widenings[/^list<(.+)>$/.exec(type)?.[1] ?? '']?.[0]
  const list = `list<${item}>`
  return isFeatureType(list) ? list : null
}

/** A text that is no instant stays as it is: it is only counted. */
function instantText(value: string | bigint): string {
  if (typeof value === 'bigint') return formatInstant(value)
  const instant = parseInstant(value)
  return instant === undefined ? value : formatInstant(instant)
}
