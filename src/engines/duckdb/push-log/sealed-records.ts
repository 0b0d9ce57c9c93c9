import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import { join } from 'node:path'
import type { PushTo } from '../../../ports/dead-letters.ts'
import type { LogRecord, LogRow, Positioned } from '../../../ports/push-log.ts'
import { assert, must } from '../../../kernel/assert.ts'
import type { LogFolder } from './log-folder.ts'
import type { RowFile } from './manifest.ts'
import type { Connect } from './row-database.ts'
import { parquetTable } from './row-file.ts'
import { type StoredColumn, fromResult, parquetSql, readColumnsText, storedName, storedOwn } from './stored-column.ts'

/** Positions: from inclusive, before exclusive. */
interface Range {
  readonly from: bigint
  readonly before: bigint
}

/** The records of row files that hold some in a range, in log order. Of each target only one file is open at a time. */
export async function* sealedRecords(
  connect: Connect,
  folder: LogFolder,
  files: readonly RowFile[],
  range: Range,
): AsyncGenerator<Positioned> {
  const waiting = files.toSorted((a, b) => (a.from < b.from ? -1 : 1))
  const open: Stream[] = []
  try {
    for (;;) {
      let next = leastOf(open)
      // A file that begins below the next record may hold the one that comes before it.
      for (
        let file = waiting[0];
        file !== undefined && (next?.head === undefined || file.from <= next.head.position);
        file = waiting[0], next = leastOf(open)
      ) {
        waiting.shift()
        open.push(await openStream(await connect(), folder, file, range))
      }
      if (next?.head === undefined) {
        if (waiting.length === 0) return
        continue
      }
      yield next.head
      await next.advance()
      if (next.head === undefined) await closeStream(open, next)
    }
  } finally {
    for (let stream = open[0]; stream !== undefined; stream = open[0]) await closeStream(open, stream)
  }
}

interface Stream {
  head: Positioned | undefined
  advance(): Promise<void>
  close(): Promise<void>
}

const leastOf = (streams: readonly Stream[]): Stream | undefined =>
  streams.reduce<Stream | undefined>(
    (least, each) =>
      least?.head === undefined || (each.head !== undefined && each.head.position < least.head.position) ? each : least,
    undefined,
  )

async function closeStream(open: Stream[], stream: Stream): Promise<void> {
  open.splice(open.indexOf(stream), 1)
  await stream.close()
}

async function openStream(
  connection: DuckDBConnection,
  folder: LogFolder,
  file: RowFile,
  range: Range,
): Promise<Stream> {
  const records = fileRecords(connection, folder, file, range)
  const stream: Stream = {
    head: undefined,
    advance: async () => {
      const next = await records.next()
      stream.head = next.done === true ? undefined : next.value
    },
    close: async () => {
      await records.return(undefined)
      connection.closeSync()
    },
  }
  await stream.advance()
  return stream
}

/** The records of one file, which is sorted by position and row. */
async function* fileRecords(
  connection: DuckDBConnection,
  folder: LogFolder,
  file: RowFile,
  range: Range,
): AsyncGenerator<Positioned, undefined, undefined> {
  const { position, event, created, tie, to, columns } = storedOwn
  const select = [
    position,
    `epoch_us(${event})`,
    `epoch_us(${created})`,
    tie,
    to,
    columns,
    ...file.columns.map(parquetSql),
  ]
  const result = await connection.stream(
    `SELECT ${select.join(', ')} FROM ${parquetTable([join(folder.rows, file.name)])} WHERE ${position} >= ${range.from} AND ${position} < ${range.before}`,
  )
  let current: RecordBuilder | undefined
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    for (const row of chunk.getRows()) {
      const at = row[0] as bigint
      if (current?.position !== at) {
        assert(current === undefined || current.position < at, 'a row file is sorted by position')
        if (current !== undefined) yield current.done()
        current = builderOf(at, file, row)
      }
      current.add(row)
    }
  }
  if (current !== undefined) yield current.done()
  return undefined
}

interface RecordBuilder {
  readonly position: bigint
  add(row: readonly DuckDBValue[]): void
  done(): Positioned
}

const ownColumns = 6

function builderOf(position: bigint, file: RowFile, first: readonly DuckDBValue[]): RecordBuilder {
  const columns: StoredColumn[] = readColumnsText(first[5] as string)
  const at = new Map(file.columns.map((column, i) => [storedName(column), ownColumns + i]))
  const places = columns.map((column) => must(at.get(storedName(column)), 'a row file has the columns of its records'))
  const rows: LogRow[] = []
  const record: LogRecord = {
    target: file.target,
    to: first[4] as PushTo,
    columns,
    rows,
    deadLetters: [],
    replayed: [],
  }
  return {
    position,
    add: (row) => {
      rows.push({
        event: row[1] as bigint,
        created: row[2] as bigint,
        tie: row[3] as bigint,
        values: columns.map(({ type }, i) => fromResult(type, row[places[i] ?? 0] ?? null)),
      })
    },
    done: () => ({ position, record }),
  }
}
