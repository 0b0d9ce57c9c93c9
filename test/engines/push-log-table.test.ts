import { DuckDBInstance } from '@duckdb/node-api'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openLogTables } from '../../src/engines/duckdb/push-log/log-table.ts'
import { openPushLog } from '../../src/engines/duckdb/push-log/push-log.ts'
import { fromResult } from '../../src/engines/duckdb/push-log/stored-column.ts'
import type { PushTo } from '../../src/ports/dead-letters.ts'
import type { LogRecord, Positioned, PushLog } from '../../src/ports/push-log.ts'
import { type LogRows, type Take, fieldsOf } from '../../src/query/relation.ts'
import { positionOf } from '../../src/testing/push-log-records.ts'
import type { FeatureType } from '../../src/values/feature-type.ts'
import { tombstoneTie } from '../../src/values/order.ts'
import { type Value, sameValue } from '../../src/values/value.ts'
import { anyNullable } from '../support/arbitrary-value.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'provender-log-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

/** The types that a column of the test has had, and how each is read as the type that is asked for; null: not at all. */
const histories: Readonly<
  Record<
    string,
    { readonly as: FeatureType; readonly from: readonly (readonly [FeatureType, ((value: Value) => Value) | null])[] }
  >
> = {
  wide: {
    as: 'int64',
    from: [
      ['int32', (v) => BigInt(v as number)],
      ['int64', (v) => v],
      ['string', null],
    ],
  },
  real: {
    as: 'float64',
    from: [
      ['float32', (v) => v],
      ['int32', (v) => v],
      ['float64', (v) => v],
      ['int64', null],
    ],
  },
  reals: {
    as: 'list<float64>',
    from: [
      ['list<float32>', (v) => v],
      ['list<float64>', (v) => v],
      ['list<string>', null],
    ],
  },
  times: {
    as: 'list<timestamp>',
    from: [
      ['list<timestamp>', (v) => v],
      ['timestamp', null],
    ],
  },
  blob: { as: 'bytes', from: [['bytes', (v) => v]] },
  vector: {
    as: 'vector<2>',
    from: [
      ['vector<2>', (v) => v],
      ['vector<3>', null],
      ['list<float32>', null],
    ],
  },
  narrow: {
    as: 'int32',
    from: [
      ['int64', null],
      ['int32', (v) => v],
    ],
  },
}
const targets = [
  { kind: 'view', name: 'airports' },
  { kind: 'source', name: 'airports' },
] as const
const instant = fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n })

const anyRecord: fc.Arbitrary<LogRecord> = fc
  .uniqueArray(fc.constantFrom(...Object.keys(histories)), { maxLength: 7 })
  .chain((names) =>
    fc
      .tuple(
        ...names.map((name) => fc.constantFrom(...(histories[name]?.from ?? []).map(([type]) => ({ name, type })))),
      )
      .chain((columns) =>
        fc.record({
          target: fc.constantFrom(...targets),
          to: fc.constantFrom<PushTo[]>('both', 'online', 'offline'),
          columns: fc.constant(columns),
          rows: fc.array(
            fc.record({
              event: instant,
              created: instant,
              tie: fc.constantFrom(0n, 7n, tombstoneTie),
              values: fc.tuple(...columns.map(({ type }) => anyNullable(type))),
            }),
            { maxLength: 4 },
          ),
          deadLetters: fc.constant([]),
          replayed: fc.constant([]),
        }),
      ),
  )

const take: Take[] = Object.entries(histories).map(([column, { as }]) => ({ column, as: `x_${column}`, type: as }))
take.push({ column: 'wide', as: 'again', type: 'int32' }, { column: 'missing', as: 'missing', type: 'string' })

/** What a leaf must give, row by row, by the words of the port: own columns last. */
function expectedRows(leaf: LogRows, records: readonly Positioned[]): (Value | null)[][] {
  return records
    .filter(
      ({ position, record }) =>
        record.target.kind === leaf.target.kind &&
        record.target.name === leaf.target.name &&
        position >= (leaf.from ?? 0n) &&
        (leaf.before === undefined || position < leaf.before) &&
        leaf.to.includes(record.to),
    )
    .flatMap(({ position, record }) =>
      record.rows.map((row) => [
        ...take.map((t) => taken(t, record, row.values)),
        row.event,
        row.created,
        row.tie,
        position,
        row.tie === tombstoneTie,
      ]),
    )
}

function taken({ column, type }: Take, record: LogRecord, values: readonly (Value | null)[]): Value | null {
  const at = record.columns.findIndex(({ name }) => name === column)
  const value = values[at] ?? null
  const stored = record.columns[at]?.type
  if (value === null || stored === undefined) return null
  if (type === stored) return value
  const history = histories[column]
  if (history?.as !== type) return null
  return history.from.find(([from]) => from === stored)?.[1]?.(value) ?? null
}

async function read(db: DuckDBInstance, leaf: LogRows, sql: string | null): Promise<(Value | null)[][]> {
  if (sql === null) return []
  const connection = await db.connect()
  try {
    const fields = fieldsOf(leaf)
    const result = await connection.runAndReadAll(
      `SELECT ${fields.map(({ name }) => `"${name}"`).join(', ')} FROM (${sql}) AS t ORDER BY "_position"`,
    )
    return result.getRows().map((row) => fields.map(({ type }, i) => fromResult(type, row[i] ?? null)))
  } finally {
    connection.closeSync()
  }
}

function assertRows(
  leaf: LogRows,
  got: readonly (readonly (Value | null)[])[],
  wanted: readonly (readonly (Value | null)[])[],
): void {
  expect(got.length).toBe(wanted.length)
  const fields = fieldsOf(leaf)
  const text = (rows: readonly (readonly (Value | null)[])[]): string[] =>
    rows
      .map((row) =>
        row.map((value, i) => (sameValue(fields[i]?.type ?? 'bool', value, null) ? 'null' : show(value))).join('|'),
      )
      .toSorted()
  expect(text(got)).toEqual(text(wanted))
}

const show = (value: Value | null): string =>
  value instanceof Uint8Array
    ? Buffer.from(value).toString('hex')
    : Array.isArray(value)
      ? `[${value.map(show).join()}]`
      : Object.is(value, -0)
        ? '-0'
        : String(value)

/** A step of a history: an append through one of two handles, or maintenance, or a query. */
type Step = { readonly by: number } & (
  | { readonly append: readonly LogRecord[] }
  | { readonly maintain: true }
  | { readonly query: LogRows }
)

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ by: fc.nat(1), append: fc.array(anyRecord, { minLength: 1, maxLength: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ by: fc.nat(1), maintain: fc.constant(true as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      by: fc.nat(1),
      query: fc.record({
        kind: fc.constant('log' as const),
        target: fc.constantFrom(...targets),
        take: fc.constant(take),
        to: fc.subarray<PushTo>(['both', 'online', 'offline']),
      }),
    }),
  },
)

test('a leaf in SQL is what was pushed, through seals, merges, type changes and other handles', async () => {
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 4, maxLength: 25 }), fc.nat(), async (steps, choice) => {
      const path = join(folder, String(run++))
      const limits = {
        segmentBytes: choice % 3 === 0 ? 400 : 1_000_000,
        sealBytes: choice % 2 === 0 ? 1 : 1000,
        mergeFiles: 2,
        keepReplacedMs: choice % 5 === 0 ? 0 : 3_600_000,
      }
      await using a = await openPushLog(path, limits)
      await using b = await openPushLog(path, limits)
      const db = await DuckDBInstance.create(':memory:', { threads: '2' })
      const tables = await openLogTables(a, db)
      const records: Positioned[] = []
      for (const step of steps) {
        const log: PushLog = step.by === 0 ? a : b
        if ('append' in step)
          records.push(
            ...(await log.append(step.append)).map((answer, i) => ({
              position: positionOf(answer),
              record: step.append[i] ?? unreachable(),
            })),
          )
        else if ('maintain' in step) await log.maintain({ purge: [], nowUs: 0n })
        else {
          const at = (n: number): bigint | undefined =>
            choice % n === 0 ? undefined : records[choice % (records.length + 1)]?.position
          const [from, before] = [at(2), at(3)]
          const leaf = {
            ...step.query,
            ...(from === undefined ? {} : { from }),
            ...(before === undefined ? {} : { before }),
          }
          const table = await tables.table(leaf)
          assertRows(leaf, await read(db, leaf, table.sql), expectedRows(leaf, records))
          await table.release()
        }
      }
      tables.close()
      db.closeSync()
    }),
    { numRuns: 40 },
  )
}, 60_000)

function unreachable(): never {
  throw new Error('an answer for no record')
}

test('a query that was told of a table may run after the rows were sealed and all else went on', async () => {
  await using log = await openPushLog(join(folder, 'log'), { sealBytes: 1 })
  const db = await DuckDBInstance.create(':memory:')
  const tables = await openLogTables(log, db)
  const leaf: LogRows = {
    kind: 'log',
    target: targets[0],
    take: [{ column: 'n', as: 'n', type: 'int64' }],
    to: ['both'],
  }
  const push = async (n: bigint): Promise<unknown> =>
    log.append([
      {
        target: targets[0],
        to: 'both',
        columns: [{ name: 'n', type: 'int64' }],
        rows: [{ event: n, created: n, tie: 0n, values: [n] }],
        deadLetters: [],
        replayed: [],
      },
    ])
  await push(1n)
  const early = await tables.table(leaf)
  await log.maintain({ purge: [], nowUs: 0n })
  await push(2n)
  const late = await tables.table(leaf)
  expect(late.files.length).toBe(1)
  expect((await read(db, leaf, early.sql)).map(([n]) => n)).toEqual([1n])
  expect((await read(db, leaf, late.sql)).map(([n]) => n)).toEqual([1n, 2n])
  await early.release()
  await early.release()
  expect((await read(db, leaf, late.sql)).map(([n]) => n)).toEqual([1n, 2n])
  await expect(read(db, leaf, early.sql)).rejects.toThrow(/does not exist/)
  await late.release()
  tables.close()
  db.closeSync()
})

test('tables and logs that are closed say so, and what is released later is no fault', async () => {
  const log = await openPushLog(join(folder, 'log'))
  const db = await DuckDBInstance.create(':memory:')
  const [tables, others] = [
    await openLogTables(log, db),
    await openLogTables(log, await DuckDBInstance.create(':memory:')),
  ]
  const leaf: LogRows = { kind: 'log', target: targets[0], take: [], to: ['both'] }
  await log.append([
    {
      target: targets[0],
      to: 'both',
      columns: [],
      rows: [{ event: 1n, created: 1n, tie: 0n, values: [] }],
      deadLetters: [],
      replayed: [],
    },
  ])
  const table = await tables.table(leaf)
  expect(await read(db, leaf, table.sql)).toEqual([[1n, 1n, 0n, expect.anything(), false]])
  await expect(tables.table(leaf, { deadlineAtMs: 1 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  tables.close()
  tables.close()
  await table.release()
  await expect(tables.table(leaf)).rejects.toMatchObject({ code: 'CLOSED' })
  await log[Symbol.asyncDispose]()
  await expect(others.table(leaf)).rejects.toMatchObject({ code: 'CLOSED' })
  others.close()
  db.closeSync()
})
