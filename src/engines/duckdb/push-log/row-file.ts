import type { DuckDBConnection } from '@duckdb/node-api'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { LogTarget } from '../../../query/relation.ts'
import { quote } from '../dialect.ts'
import { type LogFolder, freshName, syncFile } from './log-folder.ts'
import type { RowFile } from './manifest.ts'
import { type StoredColumn, storedName, storedOwn } from './stored-column.ts'

/** Rows about to be written: SQL that selects them as they stand in Parquet files, in order. */
export interface RowSource {
  readonly target: LogTarget
  readonly sql: string
  readonly columns: readonly StoredColumn[]
  readonly negativeZeros: boolean
}

/** Writes rows into a new Parquet file, durable; null where there are none. Nobody reads it before a manifest names it. */
export async function writeRowFile(
  connection: DuckDBConnection,
  folder: LogFolder,
  rows: RowSource,
): Promise<RowFile | null> {
  const name = freshName(`${rows.target.kind}-${rows.target.name}-`, '.parquet')
  const path = join(folder.rows, name)
  const options = ['FORMAT parquet', 'COMPRESSION zstd', ...(rows.negativeZeros ? ['DICTIONARY_SIZE_LIMIT 0'] : [])]
  await connection.run(`COPY (${rows.sql}) TO ${quote(path)} (${options.join(', ')})`)
  await syncFile(path)
  const found = await connection.runAndReadAll(
    `SELECT count(*), min(${storedOwn.position}), max(${storedOwn.position}) FROM ${parquetTable([path])}`,
  )
  const [count, least, greatest] = found.getRows()[0] ?? []
  if (typeof count !== 'bigint' || typeof least !== 'bigint' || typeof greatest !== 'bigint') return null
  const { target, columns, negativeZeros } = rows
  return {
    name,
    target,
    from: least,
    before: greatest + 1n,
    rows: Number(count),
    bytes: (await stat(path)).size,
    columns: [...columns],
    negativeZeros,
  }
}

/** SQL of the rows of Parquet files with the same columns. Folders above may be named like partitions, which they are not. */
export const parquetTable = (paths: readonly string[]): string =>
  `read_parquet([${paths.map(quote).join(', ')}], hive_partitioning = false)`

/** All columns of some rows, each once, in an order that does not depend on who came first. */
export function allColumns(of: readonly { readonly columns: readonly StoredColumn[] }[]): StoredColumn[] {
  const byName = new Map(of.flatMap(({ columns }) => columns.map((column) => [storedName(column), column] as const)))
  return [...byName].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, column]) => column)
}
