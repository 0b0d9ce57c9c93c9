import { createReadStream } from 'node:fs'
import { fail } from '../../kernel/errors.ts'
import { type FileIdentity, sameFile } from '../../values/file-identity.ts'
import { textCells } from '../../values/feature-type.ts'
import { readCsv } from '../../codecs/csv.ts'
import { ident, quote } from './dialect.ts'
import { failureOf } from './failure.ts'
import type { Session } from './session.ts'

/** What one file says of itself. */
export interface FileSchema {
  /** In the file's order. `type` is DuckDB's name, or `csv`. */
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  /** Null for CSV. */
  readonly rows: number | null
  /** Equal for files that are read alike. */
  readonly signature: string
}

/** Files looked at in one statement. */
const filesAtOnce = 500

/** Schemas that are kept in memory. */
const keptFiles = 40_000

/** Reads the schemas of files, each content once. */
export class FileSchemas {
  readonly #known = new Map<string, { readonly file: FileIdentity; readonly schema: FileSchema }>()

  /** `result[i]` answers `files[i]`. @throws SOURCE_UNREADABLE naming the file. */
  async of(session: Session, files: readonly FileIdentity[], format: 'parquet' | 'csv'): Promise<FileSchema[]> {
    const unknown = files.filter((file) => !this.#has(file))
    if (format === 'csv') {
      for (const file of unknown) this.#keep(file, await csvSchema(file.path))
    } else {
      for (let i = 0; i < unknown.length; i += filesAtOnce)
        await this.#readParquet(session, unknown.slice(i, i + filesAtOnce))
    }
    return files.map((file) => {
      const known = this.#known.get(file.path)
      if (known === undefined) throw fail('SOURCE_UNREADABLE', `${file.path} cannot be read`)
      return known.schema
    })
  }

  #has(file: FileIdentity): boolean {
    const known = this.#known.get(file.path)
    return known !== undefined && sameFile(known.file, file)
  }

  #keep(file: FileIdentity, schema: FileSchema): void {
    this.#known.delete(file.path)
    this.#known.set(file.path, { file, schema })
    const [oldest] = this.#known.keys()
    if (this.#known.size > keptFiles && oldest !== undefined) this.#known.delete(oldest)
  }

  /** Files with the same Parquet schema are described once, by DuckDB, which alone knows how it reads nested types. */
  async #readParquet(session: Session, files: readonly FileIdentity[]): Promise<void> {
    const physical = await physicalSchemas(
      session,
      files.map((f) => f.path),
    )
    const described = new Map<string, FileSchema['columns']>()
    for (const file of files) {
      const found = physical.get(file.path)
      if (found === undefined) continue
      let columns = described.get(found.signature)
      if (columns === undefined) {
        columns = (await session.rows(`DESCRIBE SELECT * FROM ${parquetTable([file.path])}`)).map((row) => ({
          name: String(row[0]),
          type: String(row[1]),
        }))
        described.set(found.signature, columns)
      }
      this.#keep(file, { columns, rows: found.rows, signature: found.signature })
    }
  }
}

async function physicalSchemas(
  session: Session,
  paths: readonly string[],
): Promise<Map<string, { signature: string; rows: number }>> {
  const list = `[${paths.map(quote).join(', ')}]`
  try {
    const rows = await session.rows(
      `SELECT s.file_name, s.signature, m.num_rows FROM (SELECT file_name, md5(string_agg(concat_ws(chr(31), name, type, num_children, converted_type, scale, precision, logical_type), chr(30) ORDER BY column_id)) AS signature FROM parquet_schema(${list}) GROUP BY file_name) AS s JOIN parquet_file_metadata(${list}) AS m USING (file_name)`,
    )
    return new Map(rows.map((row) => [String(row[0]), { signature: String(row[1]), rows: Number(row[2]) }]))
  } catch (thrown) {
    const [path] = paths
    if (paths.length === 1 && path !== undefined) throw naming(path, thrown)
    const found = new Map<string, { signature: string; rows: number }>()
    for (const path of paths)
      for (const [name, schema] of await physicalSchemas(session, [path])) found.set(name, schema)
    return found
  }
}

/** A failure to read one file, named. */
function naming(path: string, thrown: unknown): Error {
  const failure = failureOf(thrown)
  if (failure.code !== 'SOURCE_UNREADABLE' && failure.code !== 'INTERNAL') return failure
  return fail('SOURCE_UNREADABLE', `${path} cannot be read as Parquet: ${failure.message}`, { cause: thrown })
}

/** The header of a CSV file. */
async function csvSchema(path: string): Promise<FileSchema> {
  const stream = createReadStream(path)
  try {
    for await (const record of readCsv(stream, path)) {
      const names = record.cells.map((cell) => cell ?? '')
      const twice = names.find((name, i) => names.indexOf(name) !== i)
      if (twice !== undefined) throw fail('SOURCE_UNREADABLE', `${path} has two columns "${twice}"`)
      return { columns: names.map((name) => ({ name, type: textCells })), rows: null, signature: JSON.stringify(names) }
    }
    return { columns: [], rows: null, signature: '[]' }
  } catch (thrown) {
    throw fail('SOURCE_UNREADABLE', thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown })
  } finally {
    stream.destroy()
  }
}

/** A table of Parquet files that have one schema, as `f`. */
export const parquetTable = (paths: readonly string[]): string =>
  `read_parquet([${paths.map(quote).join(', ')}], hive_partitioning = false) AS f`

/** A table of CSV files that have one header, as `f`; its columns are named c0, c1, … since DuckDB's names ignore case. */
export function csvTable(paths: readonly string[], columns: number): string {
  const types = Array.from({ length: columns }, (_, i) => `${ident(`c${i}`)}: 'VARCHAR'`)
  const options = `auto_detect = false, header = true, delim = ',', quote = '"', escape = '"', nullstr = '', allow_quoted_nulls = false, max_line_size = ${maxLineBytes}`
  return `read_csv([${paths.map(quote).join(', ')}], ${options}, columns = {${types.join(', ')}}) AS f`
}

/** The longest record of a CSV file. */
const maxLineBytes = 4_194_304
