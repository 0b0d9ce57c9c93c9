import assert from 'node:assert/strict'
import type { DeadLetter } from '../ports/dead-letters.ts'
import type { Appended, IdempotencyRecord, LogRecord, LogRow, Positioned, PushLog } from '../ports/push-log.ts'
import type { LogTarget } from '../query/relation.ts'
import { type FeatureType, scalarNames } from '../values/feature-type.ts'
import { instantRange } from '../values/instant.ts'
import { tombstoneTie } from '../values/order.ts'
import { type Value, sameValue } from '../values/value.ts'

/** What the laws of the push log need of an engine: one empty log, made for one law. */
export interface PushLogHarness {
  /** Another handle on the log, as another process would open it. The law disposes it. */
  open(): Promise<PushLog>
}

export const airports: LogTarget = { kind: 'view', name: 'airports' }
export const flights: LogTarget = { kind: 'source', name: 'flights' }

const columns = [
  { name: 'airport', type: 'string' },
  { name: 'delay', type: 'int32' },
] as const

/** Instants of the laws lie in 2026. */
export const start = 1_767_225_600_000_000n

/** A row of two columns that a number tells apart from all others. */
export const row = (n: number): LogRow => ({
  event: start + BigInt(n),
  created: start + BigInt(2 * n),
  tie: BigInt(n),
  values: [`airport ${n}`, n],
})

/** A record of rows of two columns, pushed to a view; what is given replaces its parts. */
export function record(rows: readonly number[], parts: Partial<LogRecord> = {}): LogRecord {
  return { target: airports, to: 'both', columns, rows: rows.map(row), deadLetters: [], replayed: [], ...parts }
}

/** A dead letter; ids sort by the number. */
export function letter(n: number, target: LogTarget = airports): DeadLetter {
  return {
    id: `letter-${String(n).padStart(6, '0')}`,
    atUs: start + BigInt(n),
    target,
    to: 'both',
    row: `{"delay":"late ${n}"}`,
    code: 'BAD_VALUE',
    detail: `row ${n} does not fit`,
  }
}

/** The record of an idempotency key. */
export const taken = (key: string, atUs: bigint = start): IdempotencyRecord => ({
  key,
  atUs,
  bodyHash: `hash of ${key}`,
  answer: `{"accepted":1,"at":"${atUs}"}`,
})

/** Two of every type: values at the edges, and nulls. */
export function edgeRecord(): LogRecord {
  const edges: Readonly<Record<string, readonly Value[]>> = {
    bool: [true, false],
    int32: [-(2 ** 31), 2 ** 31 - 1],
    int64: [-(2n ** 63n), 2n ** 63n - 1n],
    float32: [-0, Number.NaN, Number.NEGATIVE_INFINITY, Math.fround(0.1), 2 ** -149],
    float64: [Number.NaN, Number.POSITIVE_INFINITY, -0, Number.MIN_VALUE, Number.MAX_VALUE, 0.1],
    string: ['', 'a\u{10ffff}é\n"\\', 'x'.repeat(5000)],
    bytes: [new Uint8Array(), Uint8Array.from({ length: 256 }, (_, i) => i)],
    timestamp: [instantRange.min, instantRange.end - 1n, -1n],
  }
  const fields: { name: string; type: FeatureType; values: readonly (Value | null)[] }[] = []
  for (const name of scalarNames) {
    const values = edges[name] ?? []
    fields.push({ name, type: name, values: [...values, null] })
    fields.push({ name: `list_${name}`, type: `list<${name}>`, values: [[], [null], [...values, null], null] })
  }
  fields.push({
    name: 'embedding',
    type: 'vector<3>',
    values: [[1, -0, Math.fround(0.1)], [Number.NaN, Number.POSITIVE_INFINITY, 0], null],
  })
  const rows = Math.max(...fields.map((f) => f.values.length))
  return {
    target: { kind: 'view', name: 'edges' },
    to: 'both',
    columns: fields.map(({ name, type }) => ({ name, type })),
    rows: Array.from({ length: rows }, (_, i) => ({
      event: instantRange.min + BigInt(i),
      created: instantRange.end - 1n,
      tie: i === 0 ? tombstoneTie : 0n,
      values: fields.map((f) => f.values[i] ?? null),
    })),
    deadLetters: [],
    replayed: [],
  }
}

/** Everything between two positions; absent: everything below the head. Of some targets, or of any. */
export async function readAll(
  log: PushLog,
  from = 0n,
  before?: bigint,
  targets?: readonly LogTarget[],
): Promise<Positioned[]> {
  const range = { from, before: before ?? (await log.head()), ...(targets === undefined ? {} : { targets }) }
  return Array.fromAsync(log.changes(range))
}

/** The position of an append that must have counted. */
export function positionOf(appended: Appended | undefined): bigint {
  assert.equal(appended?.kind, 'appended')
  return appended.position
}

/** Appends one record that must count and answers its position. */
export const put = async (log: PushLog, each: LogRecord): Promise<bigint> => positionOf((await log.append([each]))[0])

/** Asserts that these records were read, in this order, value by value. */
export function assertRead(read: readonly Positioned[], expected: readonly (readonly [bigint, LogRecord])[]): void {
  assert.deepEqual(
    read.map((each) => each.position),
    expected.map(([position]) => position),
  )
  for (const [i, [, wanted]] of expected.entries()) assertSame(read[i]?.record, wanted)
}

function assertSame(got: LogRecord | undefined, wanted: LogRecord): void {
  assert.ok(got !== undefined)
  assert.deepEqual(
    [got.target, got.to, got.columns, got.deadLetters, got.replayed, got.idempotency],
    [wanted.target, wanted.to, wanted.columns, [], [], undefined],
  )
  assert.deepEqual(
    got.rows.map(({ event, created, tie }) => [event, created, tie]),
    wanted.rows.map(({ event, created, tie }) => [event, created, tie]),
  )
  for (const [i, { values }] of wanted.rows.entries()) {
    assert.equal(got.rows[i]?.values.length, values.length)
    for (const [j, column] of wanted.columns.entries()) {
      const [a, b] = [got.rows[i].values[j] ?? null, values[j] ?? null]
      assert.ok(sameValue(column.type, a, b), `${column.name} of row ${i} is ${String(a)}, must be ${String(b)}`)
    }
  }
}
