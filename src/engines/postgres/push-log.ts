import type pg from 'pg'
import { createHash } from 'node:crypto'
import { abandonable } from '../../kernel/abandon.ts'
import { type Call, checkCall } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { limits } from '../../kernel/limits.ts'
import type { DeadLetter, PushTo } from '../../ports/dead-letters.ts'
import type {
  LogRange,
  Appended,
  IdempotencyRecord,
  LogRecord,
  LogRow,
  Positioned,
  PushLog,
} from '../../ports/push-log.ts'
import type { LogTarget } from '../../query/relation.ts'
import { type FeatureType, isFeatureType } from '../../values/feature-type.ts'
import { type Connections, openConnections } from './connections.ts'
import { createTables, schemaLock } from './log-tables.ts'
import { withConnection } from './statement.ts'
import { arrayText, readValueText, valueText } from './text-value.ts'

/** Rows that one append takes along with others; a record is never cut. */
const rowsAtOnce = 10_000
/** Rows read back at once. */
const pageRows = 5_000
/** Rows purged in one transaction. */
const purgedRows = 10_000

/** The columns of rows of one target, as the log keeps them. */
export interface Shape {
  readonly target: LogTarget
  readonly columns: LogRecord['columns']
}

interface Waiting {
  readonly records: readonly LogRecord[]
  readonly settle: (answer: Promise<Appended[]>) => void
}

/**
 * Opens the push log in a PostgreSQL database. All that is pushed while an append is under way leaves with the next one, in one statement.
 * @throws as `explainPostgres`, with the first call.
 */
export function openPostgresPushLog(url: string): PushLog {
  const connections = openConnections(url)
  const shapes = new Map<string, number>()
  const waiting: Waiting[] = []
  /** Appends that closing waits for. */
  const underway = new Set<Promise<unknown>>()
  let appending: Promise<void> | undefined
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
  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      const group = takeGroup(waiting)
      const answered = appendAll(
        connections,
        shapes,
        group.flatMap(({ records }) => records),
      )
      let from = 0
      for (const { records, settle } of group) {
        const [start, end] = [from, (from += records.length)]
        settle(answered.then((all) => all.slice(start, end)))
      }
      await answered.catch(() => undefined)
    }
    appending = undefined
  }
  const append = async (records: readonly LogRecord[], call: Call | undefined): Promise<Appended[]> => {
    await enter(call)
    const { promise, resolve } = Promise.withResolvers<Appended[]>()
    const mine: Waiting = { records, settle: resolve }
    waiting.push(mine)
    appending ??= drain()
    try {
      return await abandonable(promise, call)
    } catch (thrown) {
      if (waiting.includes(mine)) waiting.splice(waiting.indexOf(mine), 1)
      promise.catch(() => undefined)
      throw thrown
    }
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

type Row = Readonly<Record<string, unknown>>

async function rowsOf(
  connections: Connections,
  call: Call | undefined,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  return withConnection(connections, call, async (client) => (await client.query<Row>(sql, [...values])).rows)
}

function text(row: Row | undefined, name: string): string {
  const value = row?.[name]
  if (typeof value !== 'string') throw fail('CORRUPT_STORE', `The push log has no ${name} where it should`)
  return value
}

function integer(row: Row, name: string): number {
  const value = row[name]
  if (typeof value !== 'number') throw fail('CORRUPT_STORE', `The push log has no ${name} where it should`)
  return value
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

/** The first that wait, as many as go together. */
function takeGroup(waiting: Waiting[]): Waiting[] {
  let rows = 0
  let count = 0
  for (const { records } of waiting) {
    rows += records.reduce((sum, record) => sum + record.rows.length, 0)
    if (count > 0 && rows > rowsAtOnce) break
    count += 1
  }
  return waiting.splice(0, count)
}

async function appendAll(
  connections: Connections,
  shapes: Map<string, number>,
  records: readonly LogRecord[],
): Promise<Appended[]> {
  if (records.length === 0) return []
  const shapeOf = await shapesOf(connections, shapes, records)
  const rows = records.flatMap((record, r) => record.rows.map((row, n) => ({ record, row, r: r + 1, n })))
  const letters = records.flatMap((record, r) => record.deadLetters.map((letter) => ({ letter, r: r + 1 })))
  const replayed = records.flatMap((record, r) => record.replayed.map((id) => ({ id, r: r + 1 })))
  const keys = records.map(({ idempotency }) => idempotency)
  const values = [
    records.length,
    keys.map((key) => key?.key ?? null),
    keys.map((key) => key?.atUs ?? null),
    keys.map((key) => key?.bodyHash ?? null),
    keys.map((key) => key?.answer ?? null),
    limits.idempotencyUs,
    rows.map(({ r }) => r),
    rows.map(({ n }) => n),
    rows.map(({ r }) => shapeOf[r - 1]),
    rows.map(({ record }) => record.to),
    rows.map(({ row }) => row.event),
    rows.map(({ row }) => row.created),
    rows.map(({ row }) => row.tie),
    rows.map(({ record, row }) => valuesText(record, row)),
    letters.map(({ r }) => r),
    ...[
      (letter: DeadLetter) => letter.id,
      (letter: DeadLetter) => letter.atUs,
      (letter: DeadLetter) => letter.target.kind,
      (letter: DeadLetter) => letter.target.name,
      (letter: DeadLetter) => letter.to,
      (letter: DeadLetter) => letter.row,
      (letter: DeadLetter) => letter.code,
      (letter: DeadLetter) => letter.detail,
    ].map((of) => letters.map(({ letter }) => of(letter))),
    replayed.map(({ r }) => r),
    replayed.map(({ id }) => id),
  ]
  const places = values.map((_, i) => `$${i + 1}`).join(', ')
  const answers = await rowsOf(connections, undefined, `select * from push_append(${places})`, values)
  return answers.map((answer, i): Appended => {
    if (typeof answer['position'] === 'string') return { kind: 'appended', position: BigInt(answer['position']) }
    const earlier: IdempotencyRecord = {
      key: keys[i]?.key ?? '',
      atUs: BigInt(text(answer, 'earlier_at')),
      bodyHash: text(answer, 'earlier_hash'),
      answer: text(answer, 'earlier_answer'),
    }
    return { kind: 'repeated', earlier }
  })
}

const valuesText = ({ columns }: LogRecord, { values }: LogRow): string =>
  arrayText(
    columns.map(({ type }, i) => {
      const value = values[i] ?? null
      return value === null ? null : valueText(type, value)
    }),
  )

/** The number of each record's shape; those that were never met are made. */
async function shapesOf(
  connections: Connections,
  known: Map<string, number>,
  records: readonly LogRecord[],
): Promise<number[]> {
  const numbers: number[] = []
  for (const { target, columns } of records) {
    const described = JSON.stringify(columns.map(({ name, type }) => [name, type]))
    const key = `${target.kind} ${target.name} ${described}`
    let shape = known.get(key)
    if (shape === undefined) {
      const hash = createHash('sha256').update(described).digest('hex')
      const insert = `insert into push_shape (target_kind, target_name, columns, hash) values ($1, $2, $3, $4) on conflict do nothing`
      await rowsOf(connections, undefined, insert, [target.kind, target.name, described, hash])
      const find = 'select shape from push_shape where target_kind = $1 and target_name = $2 and hash = $3'
      const [found] = await rowsOf(connections, undefined, find, [target.kind, target.name, hash])
      shape = integer(found ?? {}, 'shape')
      known.set(key, shape)
    }
    numbers.push(shape)
  }
  return numbers
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
