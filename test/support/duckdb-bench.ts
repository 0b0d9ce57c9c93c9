import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import type { FileSourceDef, SourceDef } from '../../src/define/definition.ts'
import { literal, quote, typeName } from '../../src/engines/duckdb/dialect.ts'
import { type DuckdbOptions, openDuckdbOffline } from '../../src/engines/duckdb/offline.ts'
import { openPushLog } from '../../src/engines/duckdb/push-log/push-log.ts'
import type { FilePushLog } from '../../src/engines/duckdb/push-log/push-log.ts'
import type { OfflineStore, QueryResult } from '../../src/ports/offline.ts'
import type { SourceTable } from '../../src/testing/offline.ts'
import type { SourceRows } from '../../src/query/relation.ts'
import type { FeatureType } from '../../src/values/feature-type.ts'
import type { Value } from '../../src/values/value.ts'

/** A folder with an offline store and a push log in it, and a DuckDB to make files with. */
export interface DuckdbBench extends AsyncDisposable {
  readonly dir: string
  readonly offline: OfflineStore
  readonly log: FilePushLog
  /** Runs SQL in a DuckDB beside the store; `{dir}` stands for the folder. */
  sql(text: string): Promise<unknown[][]>
}

/** Opens a bench in a folder of its own. */
export async function openBench(options: Partial<DuckdbOptions> = {}): Promise<DuckdbBench> {
  const dir = await mkdtemp(join(tmpdir(), 'provender-duckdb-'))
  const log = await openPushLog(join(dir, 'offline', 'log'))
  const offline = await openDuckdbOffline({ dir: join(dir, 'offline'), repositoryDir: dir, log, ...options })
  const db = await DuckDBInstance.create(':memory:')
  const connection = await db.connect()
  return {
    dir,
    offline,
    log,
    sql: async (text) => (await connection.runAndReadAll(text.replaceAll('{dir}', dir))).getRowsJson(),
    async [Symbol.asyncDispose]() {
      await offline[Symbol.asyncDispose]()
      await log[Symbol.asyncDispose]()
      connection.closeSync()
      db.closeSync()
      await rm(dir, { recursive: true })
    },
  }
}

/** SQL that writes a table as a Parquet file. */
export function parquetSql(table: SourceTable, path: string): string {
  const columns = table.columns.map((c) => `"${c.name}"`).join(', ')
  const rows = table.rows.map((row) => `(${table.columns.map((c, i) => literal(c.type, row[i] ?? null)).join(', ')})`)
  const empty = `SELECT ${table.columns.map((c) => `CAST(NULL AS ${typeName(c.type)})`).join(', ')} WHERE false`
  return `COPY (SELECT * FROM (${rows.length === 0 ? empty : `VALUES ${rows.join(', ')}`}) AS t(${columns})) TO ${quote(path)} (FORMAT parquet)`
}

/** All rows of a result, by column. */
export async function columnsOf(result: QueryResult): Promise<Record<string, (Value | null)[]>> {
  await using read = result
  const columns: (Value | null)[][] = read.fields.map(() => [])
  for await (const batch of read.batches()) {
    for (const [i, column] of columns.entries())
      for (let row = 0; row < batch.rows; row++) column.push(batch.columns[i]?.[row] ?? null)
  }
  return Object.fromEntries(read.fields.map((f, i) => [f.name, columns[i] ?? []]))
}

/** The Parquet source `flights` at a path. */
export const parquet = (path: string): FileSourceDef => ({
  kind: 'source',
  name: 'flights',
  type: 'parquet',
  path,
  timestamp: 'at',
})

/** The CSV source `tickets` at a path. */
export const csv = (path: string): FileSourceDef => ({
  kind: 'source',
  name: 'tickets',
  type: 'csv',
  path,
  timestamp: 'at',
})

/** A plan that takes columns of a source by their own names. */
export const rows = (
  source: SourceDef,
  take: Readonly<Record<string, FeatureType>>,
  more: Partial<SourceRows> = {},
): SourceRows => ({
  kind: 'source',
  source,
  take: Object.entries(take).map(([column, type]) => ({ column, as: column, type })),
  ...more,
})
