import type { DuckDBInstance } from '@duckdb/node-api'
import { join } from 'node:path'
import type { Call } from '../../../kernel/call.ts'
import { type LogRows, own } from '../../../query/relation.ts'
import { tombstoneTie } from '../../../values/order.ts'
import { ident, quote } from '../dialect.ts'
import { isMissingFile } from './changes.ts'
import { reaching } from './log-folder.ts'
import type { LogIndex } from './log-index.ts'
import { type Manifest, type RowFile, purgedBelow, sameTarget } from './manifest.ts'
import type { FilePushLog } from './push-log.ts'
import { positionOf } from './position.ts'
import { parquetTable } from './row-file.ts'
import type { RowTable } from './row-table.ts'
import { columnsText, parquetSql, storedOwn, takenSql } from './stored-column.ts'
import { type HeldTail, TailTables } from './tail-tables.ts'

/** The rows of a leaf in SQL. Release it when the query has ended. */
export interface LogTable {
  /** A query with the leaf's columns, by name: what it takes, then Provender's own; null where there are no rows. */
  readonly sql: string | null
  /** The Parquet files that it reads. */
  readonly files: readonly string[]
  /** Lets go of the tables that it reads; releasing twice does nothing. */
  readonly release: () => Promise<void>
}

/** The push log's rows in one DuckDB. */
export interface LogTables {
  /**
   * The rows of a leaf, with every append that was answered, anywhere, before this call: sealed ones from Parquet files, the
   * others from tables that are loaded into this DuckDB, each row once.
   * @throws CLOSED; what ends the call; CORRUPT_STORE, STORE_UNREACHABLE.
   */
  table(leaf: LogRows, call?: Call): Promise<LogTable>
  /** Forgets the tables; the DuckDB that they are in is closed by its owner. */
  close(): void
}

interface Context {
  readonly index: LogIndex
  readonly tails: TailTables
  readonly check: () => void
}

/** How often a table is made anew because a file that it needs was replaced and deleted meanwhile. */
const attempts = 10

/** Makes the rows of a push log readable in a DuckDB. */
export async function openLogTables(log: FilePushLog, db: DuckDBInstance): Promise<LogTables> {
  const { index } = log
  const tails = new TailTables(index, await db.connect())
  return {
    table: async (leaf, call) => {
      const check = (): void => log.enter(call)
      check()
      return reaching(index.folder.path, async () => tableOf({ index, tails, check }, leaf))
    },
    close: () => {
      tails.close()
    },
  }
}

async function tableOf({ index, tails, check }: Context, leaf: LogRows): Promise<LogTable> {
  for (let attempt = 1; ; attempt++) {
    const view = await index.refresh()
    const { manifest } = await index.manifest()
    let tail: HeldTail
    try {
      tail = await tails.hold(leaf.target, { view, sealedThrough: manifest.sealedThrough }, check)
    } catch (thrown) {
      if (attempt === attempts || !isMissingFile(thrown)) throw thrown
      continue
    }
    const files = neededFiles(manifest, leaf)
    const parts =
      leaf.to.length === 0
        ? []
        : [
            ...sealedParts(index, manifest, leaf, files),
            ...tail.tables.map((table) => tailPart(table, leaf, fromOf(manifest, leaf), positionOf(view.end))),
          ]
    return {
      sql: parts.length === 0 ? null : parts.join(' UNION ALL '),
      files: files.map((file) => join(index.folder.rows, file.name)),
      release: tail.release,
    }
  }
}

/** Where the rows that a leaf may see begin. */
function fromOf(manifest: Manifest, { target, from = 0n }: LogRows): bigint {
  const purged = purgedBelow(manifest, target)
  return from > purged ? from : purged
}

/** The row files that hold what a leaf may see. */
function neededFiles(manifest: Manifest, leaf: LogRows): RowFile[] {
  const from = fromOf(manifest, leaf)
  return manifest.files.filter(
    (file) =>
      sameTarget(file.target, leaf.target) &&
      file.before > from &&
      (leaf.before === undefined || file.from < leaf.before),
  )
}

/** One query for all files with the same columns. */
function sealedParts(index: LogIndex, manifest: Manifest, leaf: LogRows, files: readonly RowFile[]): string[] {
  const from = fromOf(manifest, leaf)
  const groups = Map.groupBy(files, ({ columns }) => columnsText(columns))
  return [...groups.values()].map((group) => {
    const columns = group[0]?.columns ?? []
    const { event, created, tie, position, tombstone, to } = storedOwn
    const where = [
      ...(group.some((file) => file.from < from) ? [`${position} >= ${from}`] : []),
      ...(leaf.before !== undefined && group.some((file) => file.before > (leaf.before ?? 0n))
        ? [`${position} < ${leaf.before}`]
        : []),
      ...pushedTo(to, leaf),
    ]
    const select = [
      ...leaf.take.map((take) => `${takenSql(take, columns, parquetSql)} AS ${ident(take.as)}`),
      event,
      created,
      tie,
      position,
      tombstone,
    ]
    return selectSql(select, parquetTable(group.map((file) => join(index.folder.rows, file.name))), where)
  })
}

function tailPart(table: RowTable, leaf: LogRows, from: bigint, end: bigint): string {
  const before = leaf.before === undefined || leaf.before > end ? end : leaf.before
  const select = [
    ...leaf.take.map(
      (take) => `${takenSql(take, table.columns, (column) => table.columnSql(column))} AS ${ident(take.as)}`,
    ),
    `make_timestamp(e) AS ${own.event}`,
    `make_timestamp(c) AS ${own.created}`,
    `t AS ${own.tie}`,
    `p AS ${own.position}`,
    `t = ${tombstoneTie} AS ${own.tombstone}`,
  ]
  return selectSql(select, ident(table.name), [`p >= ${from}`, `p < ${before}`, ...pushedTo('w', leaf)])
}

const pushedTo = (column: string, { to }: LogRows): string[] =>
  to.length === 3 ? [] : [`${column} IN (${to.map(quote).join(', ')})`]

const selectSql = (select: readonly string[], from: string, where: readonly string[]): string =>
  `SELECT ${select.join(', ')} FROM ${from}${where.length === 0 ? '' : ` WHERE ${where.join(' AND ')}`}`
