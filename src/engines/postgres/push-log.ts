import type pg from 'pg'
import { abandonable } from '../../kernel/abandon.ts'
import { type Call, checkCall } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { limits } from '../../kernel/limits.ts'
import type { DeadLetter, PushTo } from '../../ports/dead-letters.ts'
import type { LogRange, Appended, LogRecord, LogRow, Positioned, PushLog } from '../../ports/push-log.ts'
import type { LogTarget } from '../../query/relation.ts'
import { type FeatureType, isFeatureType } from '../../values/feature-type.ts'
import { type Connections, openConnections } from './connections.ts'
import { openAppender } from './log-append.ts'
import { type Row, integer, rowsOf, text } from './log-rows.ts'
import { createTables, schemaLock } from './log-tables.ts'
import { withConnection } from './statement.ts'
import { readValueText } from './text-value.ts'

/** Rows read back at once. */
const pageRows = 5_000
/** Rows purged in one transaction. */
const purgedRows = 10_000

/** The columns of rows of one target, as the log keeps them. */
export interface Shape {
  readonly target: LogTarget
  readonly columns: LogRecord['columns']
}

/**
 * Opens the push log in a PostgreSQL database. All that is pushed while an append is under way leaves with the next one, in one statement.
 * @throws as `explainPostgres`, with the first call.
 */
export function openPostgresPushLog(url: string): PushLog {
  const connections = openConnections(url)
  const appender = openAppender(connections)
  /** Appends that closing waits for. */
  const underway = new Set<Promise<unknown>>()
  let ready: Promise<void> | undefined
  let closing: Promise<void> | undefined

  const enter = async (call: Call | undefined): Promise<void> => {
    if (closing !== undefined) throw fail('CLOSED', 'The push log is closed')
    checkCall(call)
    ready ??= makeTables(connections)
    try {
      await abandonable(ready, call)
    } catch (thrown) {
      ready = undefined
      throw thrown
    }
  }
  const append = async (records: readonly LogRecord[], call: Call | undefined): Promise<Appended[]> => {
    await enter(call)
    return appender(records, call)
  }
  return Object.freeze({
    append: (records, call) => {
      const answer = append(records, call)
      const noted: Promise<unknown> = answer.then(
        () => underway.delete(noted),
        () => underway.delete(noted),
      )
      underway.add(noted)
      return answer
    },
    async head(call) {
      await enter(call)
      const [row] = await rowsOf(connections, call, 'select next from push_head')
      return BigInt(text(row, 'next'))
    },
    async *changes(range, call) {
      await enter(call)
      yield* readChanges(connections, range, call)
    },
    async lookup(key, nowUs, call) {
      await enter(call)
      const sql = 'select key, at, body_hash, answer from push_key where key = $1 and $2::bigint - at < $3::bigint'
      const [row] = await rowsOf(connections, call, sql, [key, nowUs, limits.idempotencyUs])
      return row === undefined
        ? undefined
        : { key, atUs: BigInt(text(row, 'at')), bodyHash: text(row, 'body_hash'), answer: text(row, 'answer') }
    },
    async deadLetters(query, call) {
      await enter(call)
      return listLetters(connections, query, call)
    },
    async maintain(task, call) {
      await enter(call)
      for (const { target, below } of task.purge) await purge(connections, target, below, call)
      const forget = 'delete from push_key where $1::bigint - at >= $2::bigint'
      await rowsOf(connections, call, forget, [task.nowUs, limits.idempotencyUs])
    },
    [Symbol.asyncDispose]: () =>
      (closing ??= (async () => {
        await Promise.all(underway)
        await connections[Symbol.asyncDispose]()
      })()),
  } satisfies PushLog)
}

async function makeTables(connections: Connections): Promise<void> {
  const [there] = await rowsOf(connections, undefined, `select to_regclass('push_format')::text as name`)
  if (there?.['name'] !== null) {
    const [found] = await rowsOf(connections, undefined, 'select format from push_format')
    if (found !== undefined && integer(found, 'format') > 1)
      throw fail('UNSUPPORTED', `The push log in ${connections.name} was written by a later release`, {
        remedy: 'Use that release, or restore a backup from before it.',
      })
    if (found !== undefined) return
  }
  await withConnection(connections, undefined, async (client) => {
    await client.query('begin')
    await client.query(schemaLock)
    await client.query(createTables)
    await client.query('commit')
  })
}

/** Reads the shapes there are, by number. */
export async function readShapes(client: pg.PoolClient): Promise<Map<number, Shape>> {
  const { rows } = await client.query<Row>('select shape, target_kind, target_name, columns from push_shape')
  return new Map(
    rows.map((row) => [
      integer(row, 'shape'),
      {
        target: { kind: text(row, 'target_kind') === 'view' ? 'view' : 'source', name: text(row, 'target_name') },
        columns: columnsOf(text(row, 'columns')),
      },
    ]),
  )
}

function columnsOf(described: string): { name: string; type: FeatureType }[] {
  const columns: unknown = JSON.parse(described)
  return (Array.isArray(columns) ? (columns as unknown[]) : []).map((column) => {
    const [name, type] = (Array.isArray(column) ? column : []) as unknown[]
    if (typeof name !== 'string' || typeof type !== 'string' || !isFeatureType(type))
      throw fail('CORRUPT_STORE', 'A column of the push log is not name and type')
    return { name, type }
  })
}

const pageSql = `select position, n, shape, "to", event, created, tie, vals from push_row
  where (position, n) > ($1::bigint, $2::int) and position < $3::bigint
    and ($4::text[] is null or shape in (
      select shape from push_shape join unnest($4::text[], $5::text[]) as x (kind, name)
        on target_kind = x.kind and target_name = x.name))
  order by position, n limit ${pageRows}`

/** Reads records page by page: each page sees what was committed when it began, and below a head all is. */
async function* readChanges(
  connections: Connections,
  { from, before, targets }: LogRange,
  call: Call | undefined,
): AsyncGenerator<Positioned> {
  let after: readonly [bigint, number] = [from - 1n, 0x7fff_ffff]
  const named = [targets?.map(({ kind }) => kind) ?? null, targets?.map(({ name }) => name) ?? null]
  let shapes = new Map<number, Shape>()
  let gathered: { readonly position: bigint; readonly record: LogRecord; readonly rows: LogRow[] } | undefined
  for (;;) {
    checkCall(call)
    const page = await rowsOf(connections, call, pageSql, [...after, before, ...named])
    if (page.some((row) => !shapes.has(integer(row, 'shape'))))
      shapes = await withConnection(connections, call, readShapes)
    for (const row of page) {
      const position = BigInt(text(row, 'position'))
      if (gathered !== undefined && gathered.position !== position) {
        yield { position: gathered.position, record: gathered.record }
        checkCall(call)
        gathered = undefined
      }
      const shape = shapes.get(integer(row, 'shape'))
      if (shape === undefined) throw fail('CORRUPT_STORE', 'A row of the push log has no columns')
      gathered ??= newRecord(position, shape, text(row, 'to'))
      gathered.rows.push(logRow(shape, row))
      after = [position, integer(row, 'n')]
    }
    if (page.length < pageRows) break
  }
  if (gathered !== undefined) yield { position: gathered.position, record: gathered.record }
}

function newRecord(position: bigint, { target, columns }: Shape, to: string) {
  const rows: LogRow[] = []
  return { position, rows, record: { target, to: toOf(to), columns, rows, deadLetters: [], replayed: [] } }
}

function toOf(to: string): PushTo {
  if (to !== 'both' && to !== 'online' && to !== 'offline')
    throw fail('CORRUPT_STORE', `A row of the push log is to "${to.slice(0, 20)}"`)
  return to
}

function logRow({ columns }: Shape, row: Row): LogRow {
  const vals = row['vals']
  if (!Array.isArray(vals)) throw fail('CORRUPT_STORE', 'A row of the push log has no values')
  return {
    event: BigInt(text(row, 'event')),
    created: BigInt(text(row, 'created')),
    tie: BigInt(text(row, 'tie')),
    values: columns.map(({ type }, i) => {
      const value: unknown = vals[i]
      return typeof value === 'string' ? readValueText(type, value) : null
    }),
  }
}

async function listLetters(
  connections: Connections,
  query: Parameters<PushLog['deadLetters']>[0],
  call: Call | undefined,
): Promise<DeadLetter[]> {
  const sql = `select id, at, target_kind, target_name, "to", "row", code, detail from push_letter
    where ($1::text is null or target_name = $1) and ($2::text[] is null or id = any($2)) and ($3::text is null or id > $3)
    order by id limit $4`
  const { target = null, ids = null, after = null, limit } = query
  const rows = await rowsOf(connections, call, sql, [target, ids, after, limit])
  return rows.map((row) => ({
    id: text(row, 'id'),
    atUs: BigInt(text(row, 'at')),
    target: { kind: text(row, 'target_kind') === 'view' ? 'view' : 'source', name: text(row, 'target_name') },
    to: toOf(text(row, 'to')),
    row: text(row, 'row'),
    code: text(row, 'code'),
    detail: text(row, 'detail'),
  }))
}

async function purge(
  connections: Connections,
  target: LogTarget,
  below: bigint,
  call: Call | undefined,
): Promise<void> {
  const ofTarget = 'target_kind = $1 and target_name = $2'
  const rows = `with gone as (select position, n from push_row where position < $3::bigint
      and shape in (select shape from push_shape where ${ofTarget}) limit ${purgedRows})
    delete from push_row using gone where push_row.position = gone.position and push_row.n = gone.n returning 1`
  const values = [target.kind, target.name, below]
  while ((await rowsOf(connections, call, rows, values)).length === purgedRows) checkCall(call)
  await rowsOf(connections, call, `delete from push_letter where ${ofTarget} and position < $3::bigint`, values)
}
