import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { inject } from 'vitest'
import type { FileSourceDef } from '../../../src/define/definition.ts'
import { openMemoryOffline } from '../../../src/engines/memory/offline.ts'
import { memoryPushLog } from '../../../src/engines/memory/push-log.ts'
import { ident, literal, typeName } from '../../../src/engines/postgres/dialect.ts'
import { openPostgresOffline } from '../../../src/engines/postgres/offline.ts'
import { openPostgresPushLog } from '../../../src/engines/postgres/push-log.ts'
import type { OfflineStore } from '../../../src/ports/offline.ts'
import type { PushLog } from '../../../src/ports/push-log.ts'
import type { SourceTable } from '../../../src/testing/offline.ts'
import { openBench, parquetSql } from '../../support/duckdb-bench.ts'
import { newSchema } from '../../support/postgres-schema.ts'
import type { History } from './history.ts'

/** An engine that answers, and where its log put each record. */
export interface Answerer {
  readonly name: string
  readonly offline: OfflineStore
  readonly log: PushLog
  /** Whether files of a source are tables of its own that somebody else wrote. */
  readonly foreign: boolean
}

/** Engines that were told the same. The first is the specification. */
export interface Engines extends AsyncDisposable {
  readonly all: readonly Answerer[]
  /** Tells all of them a history; answers by log the positions of its records. */
  tell(history: History): Promise<ReadonlyMap<PushLog, readonly bigint[]>>
}

/** Opens memory, DuckDB, and PostgreSQL: the primary, a replica, and tables in place. */
export async function openEngines(): Promise<Engines> {
  const url = await newSchema()
  const replica = `${inject('services').replica}${new URL(url).search}`
  const bench = await openBench()
  const memoryLog = memoryPushLog().open()
  const memory = openMemoryOffline(memoryLog)
  const log = openPostgresPushLog(url)
  const postgres = openPostgresOffline({ url, replicas: [], local: bench.offline })
  const replicated = openPostgresOffline({ url, replicas: [replica], local: bench.offline })
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return {
    all: [
      { name: 'memory', offline: memory, log: memoryLog, foreign: false },
      { name: 'DuckDB', offline: bench.offline, log: bench.log, foreign: false },
      { name: 'PostgreSQL', offline: postgres, log, foreign: false },
      { name: 'a replica of PostgreSQL', offline: replicated, log, foreign: false },
      { name: 'tables of PostgreSQL', offline: postgres, log, foreign: true },
    ],
    async tell({ definitions, files, records }) {
      for (const [source, tables] of files) {
        memory.files.set(
          source,
          tables.map((table, i) => ({ ...table, path: `${source}/${i}`, sizeBytes: 1, mtimeUs: 1n, inode: BigInt(i) })),
        )
        await mkdir(join(bench.dir, source))
        for (const [i, table] of tables.entries())
          await bench.sql(parquetSql(table, join(bench.dir, source, `${i}.parquet`)))
        const { sources, entities } = definitions(false)
        const keys = [...(entities.get(`e_${source}`)?.keys ?? [])].map(({ name }) => name)
        const joined = keys.map((column) => ({ column, type: 'int64' as const }))
        await postgres.load(sources.get(source) as FileSourceDef, { columns: [], keys: [joined] })
        await client.query(tableSql(source, tables, keys))
      }
      const positions = new Map<PushLog, bigint[]>()
      for (const each of [memoryLog, bench.log, log]) {
        const appended = await each.append(records)
        positions.set(
          each,
          appended.map((one) => (one.kind === 'appended' ? one.position : 0n)),
        )
      }
      return positions
    },
    async [Symbol.asyncDispose]() {
      await client.end()
      for (const each of [memory, replicated, postgres, memoryLog, log, bench]) await each[Symbol.asyncDispose]()
    },
  }
}

/** A table as somebody else would have it, with an index that serves or without one. */
function tableSql(name: string, tables: readonly SourceTable[], keys: readonly string[]): string {
  const columns = tables[0]?.columns ?? []
  const create = `create table ${ident(name)} (${columns.map((c) => `${ident(c.name)} ${typeName(c.type)}`).join(', ')})`
  const rows = tables.flatMap((table) => table.rows)
  const insert = rows.map((row) => `(${columns.map((c, i) => literal(c.type, row[i] ?? null)).join(', ')})`)
  const filled = rows.length === 0 ? '' : `insert into ${ident(name)} values ${insert.join(', ')};`
  const index =
    rows.length % 2 === 0 ? '' : `create index on ${ident(name)} (${[...keys, 'at'].map(ident).join(', ')});`
  return `${create}; ${filled} ${index}`
}
