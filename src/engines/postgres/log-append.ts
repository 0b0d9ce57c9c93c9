import { createHash } from 'node:crypto'
import { abandonable } from '../../kernel/abandon.ts'
import type { Call } from '../../kernel/call.ts'
import { limits } from '../../kernel/limits.ts'
import type { DeadLetter } from '../../ports/dead-letters.ts'
import type { Appended, IdempotencyRecord, LogRecord, LogRow } from '../../ports/push-log.ts'
import type { Connections } from './connections.ts'
import { integer, rowsOf, rowsOfOnce, text } from './log-rows.ts'
import { arrayText, valueText } from './text-value.ts'

/** Rows that one append takes along with others; a record is never cut. */
const rowsAtOnce = 10_000

interface Waiting {
  readonly records: readonly LogRecord[]
  readonly settle: (answer: Promise<Appended[]>) => void
}

/** Appends records: all that come while an append is under way leave with the next one, in one statement. */
export function openAppender(
  connections: Connections,
): (records: readonly LogRecord[], call: Call | undefined) => Promise<Appended[]> {
  const shapes = new Map<string, number>()
  const waiting: Waiting[] = []
  let appending: Promise<void> | undefined
  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      const group = takeGroup(waiting)
      const records = group.flatMap((each) => each.records)
      const answered = appendAll(connections, shapes, records)
      let from = 0
      for (const { records: own, settle } of group) {
        const [start, end] = [from, (from += own.length)]
        settle(answered.then((all) => all.slice(start, end)))
      }
      await answered.catch(() => undefined)
    }
    appending = undefined
  }
  return async (records, call) => {
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
  const answers = await rowsOfOnce(connections, `select * from push_append(${places})`, values)
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
