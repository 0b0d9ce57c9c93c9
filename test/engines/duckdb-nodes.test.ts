import { join } from 'node:path'
import { rm } from 'node:fs/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FileSourceDef } from '../../src/define/definition.ts'
import { evaluate } from '../../src/engines/memory/evaluate.ts'
import type { LogRow } from '../../src/ports/push-log.ts'
import {
  type AsOf,
  type LogRows,
  type Relation,
  type SourceRows,
  type Take,
  fieldsOf,
  own,
} from '../../src/query/relation.ts'
import { type FeatureType, partsOf } from '../../src/values/feature-type.ts'
import { tombstoneTie } from '../../src/values/order.ts'
import { type Value, compareValues } from '../../src/values/value.ts'
import { anyType, anyValue } from '../support/arbitrary-value.ts'
import { type DuckdbBench, columnsOf, openBench, parquetSql } from '../support/duckdb-bench.ts'

// Every node over random rows of every type, evaluated by DuckDB and, row by row, by the memory engine. The values come
// from small sets, so that keys match, instants are equal and ties go down to the last column.

interface Column {
  readonly name: string
  readonly type: FeatureType
}

interface Row {
  readonly keys: readonly (Value | null)[]
  readonly event: bigint
  readonly created: bigint | null
  readonly features: readonly (Value | null)[]
}

interface World {
  readonly keys: readonly Column[]
  readonly features: readonly Column[]
  readonly files: readonly (readonly Row[])[]
  readonly pushed: readonly (Row & { readonly dead: boolean; readonly tie: bigint })[]
  readonly spine: readonly { readonly keys: readonly (Value | null)[]; readonly at: bigint }[]
  readonly ttlUs: bigint
  readonly knownByLeft: boolean
}

const keyTypes = ['string', 'int64', 'int32', 'bool', 'bytes', 'timestamp'] as const
const base = fc.constantFrom(0n, -62_135_596_800_000_000n + 100n, 253_402_300_799_999_900n, -1n, 1_767_225_600_000_000n)

/** A few values of a type, and null. −0 is left out: it equals 0 in the Order, and DuckDB's Parquet files mix the two up. */
function few(type: FeatureType): fc.Arbitrary<fc.Arbitrary<Value | null>> {
  return fc
    .array(anyValue(type).map(noNegativeZero), { minLength: 1, maxLength: 3 })
    .map((values) => fc.constantFrom(...values, null))
}

function noNegativeZero(value: Value): Value {
  if (typeof value === 'number') return value + 0
  return Array.isArray(value) ? value.map((v: Value | null) => (v === null ? null : noNegativeZero(v))) : value
}

const world: fc.Arbitrary<World> = fc
  .record({
    keys: fc.array(fc.constantFrom(...keyTypes), { maxLength: 2 }),
    features: fc.array(anyType, { minLength: 1, maxLength: 3 }),
    base,
  })
  .chain((shape) => {
    const keys = shape.keys.map((type, i) => ({ name: `k${i}`, type }))
    const features = shape.features.map((type, i) => ({ name: `f${i}`, type }))
    return fc
      .record({
        keys: fc.tuple(...keys.map((k) => few(k.type))),
        features: fc.tuple(...features.map((f) => few(f.type))),
      })
      .chain((values) => {
        const instant = fc.bigInt({ min: 0n, max: 5n }).map((n) => shape.base + n * 10n)
        const row = fc.record({
          keys: fc.tuple(...values.keys),
          event: instant,
          created: fc.option(instant),
          features: fc.tuple(...values.features),
        })
        const pushed = fc
          .record({ row, created: instant, dead: fc.integer({ min: 0, max: 4 }), tie: fc.bigInt({ min: 0n, max: 2n }) })
          .map((p) => {
            const dead = p.dead === 0
            return {
              ...p.row,
              created: p.created,
              features: dead ? features.map(() => null) : p.row.features,
              dead,
              tie: dead ? tombstoneTie : p.tie,
            }
          })
        return fc.record({
          keys: fc.constant(keys),
          features: fc.constant(features),
          files: fc.array(fc.array(row, { maxLength: 12 }), { maxLength: 2 }),
          // Two pushed rows with one place in the Order are one row.
          pushed: fc.uniqueArray(pushed, {
            maxLength: 8,
            selector: (p) => JSON.stringify([p.keys.map(String), `${p.event} ${p.created} ${p.tie}`]),
          }),
          spine: fc
            .tuple(
              fc.array(fc.record({ keys: fc.tuple(...values.keys), at: instant }), { minLength: 1, maxLength: 6 }),
              fc.constantFrom(1, 20),
            )
            .map(([rows, times]) => Array.from({ length: times }, () => rows).flat()),
          ttlUs: fc.constantFrom(0n, 10n, 15n),
          knownByLeft: fc.boolean(),
        })
      })
  })

const source = (files: string): FileSourceDef => ({
  kind: 'source',
  name: 's',
  type: 'parquet',
  path: files,
  timestamp: 'at',
  created: 'seen',
})

/** The rows of a view, as the plans make them. */
function rowsOf(
  w: World,
  file: FileSourceDef,
  target: string,
): { relation: Relation; leaves: (leaf: Relation) => readonly (readonly (Value | null)[])[] } {
  const columns = [...w.keys, ...w.features]
  const take: Take[] = columns.map((c) => ({ column: c.name, as: c.name, type: c.type }))
  const inPlace: SourceRows = {
    kind: 'source',
    source: file,
    take: [
      ...take,
      { column: 'at', as: own.event, type: 'timestamp' },
      { column: 'seen', as: own.created, type: 'timestamp' },
    ],
  }
  const log: LogRows = { kind: 'log', target: { kind: 'view', name: target }, take, to: ['both'] }
  const kept = [...columns.map((c) => c.name), own.event, own.created].map((c) => ({ as: c, column: c }))
  const named = [
    ...kept,
    { as: own.reading, type: 'int64', constant: 1n },
    { as: own.tie, type: 'int64', constant: 0n },
    { as: own.tombstone, type: 'bool', constant: false },
  ] as const
  const pushed = [
    ...kept,
    { as: own.reading, type: 'int64', constant: 0n },
    { as: own.tie, column: own.tie },
    { as: own.tombstone, column: own.tombstone },
  ] as const
  return {
    relation: {
      kind: 'union',
      inputs: [
        { kind: 'derive', input: inPlace, columns: named },
        { kind: 'derive', input: log, columns: pushed },
      ],
    },
    leaves: (leaf) =>
      leaf.kind === 'source'
        ? w.files.flat().map((r) => [...r.keys, ...r.features, r.event, r.created])
        : w.pushed.map((r) => [...r.keys, ...r.features, r.event, r.created, r.tie, 1n, r.dead]),
  }
}

const order = (w: World): string[] => [own.event, own.created, own.reading, own.tie, ...w.features.map((f) => f.name)]

let bench: DuckdbBench
let runs = 0
beforeAll(async () => {
  bench = await openBench()
})
afterAll(async () => {
  await bench[Symbol.asyncDispose]()
})

/** Puts the rows where they belong; answers the source and the log's target. */
async function place(w: World): Promise<{ file: FileSourceDef; target: string }> {
  const folder = `world${++runs}`
  await bench.sql(`COPY (SELECT 1 AS x) TO '{dir}/${folder}.marker' (FORMAT csv)`)
  const columns = [
    ...w.keys,
    ...w.features,
    { name: 'at', type: 'timestamp' as const },
    { name: 'seen', type: 'timestamp' as const },
  ]
  for (const [i, rows] of w.files.entries()) {
    await bench.sql(
      parquetSql(
        { columns, rows: rows.map((r) => [...r.keys, ...r.features, r.event, r.created]) },
        join(bench.dir, `${folder}-${i}.parquet`),
      ),
    )
  }
  const rows = w.pushed.map((r): LogRow => ({
    event: r.event,
    created: r.created ?? 0n,
    tie: r.tie,
    values: [...r.keys, ...r.features],
  }))
  if (rows.length > 0)
    await bench.log.append([
      {
        target: { kind: 'view', name: folder },
        to: 'both',
        columns: [...w.keys, ...w.features],
        rows,
        deadLetters: [],
        replayed: [],
      },
    ])
  return { file: source(`${folder}-*.parquet`), target: folder }
}

const clean = (): Promise<void[]> =>
  Promise.all([0, 1].map((i) => rm(join(bench.dir, `world${runs}-${i}.parquet`), { force: true })))

function expectSame(
  fields: readonly { name: string; type: FeatureType }[],
  got: Record<string, (Value | null)[]>,
  expected: readonly (readonly (Value | null)[])[],
): void {
  for (const [j, field] of fields.entries()) {
    const column = got[field.name] ?? []
    expect(column.length).toBe(expected.length)
    for (const [i, row] of expected.entries()) {
      const [a, b] = [column[i] ?? null, row[j] ?? null]
      if (compareValues(field.type, a, b) !== 0)
        expect({ row: i, [field.name]: a }).toEqual({ row: i, [field.name]: b })
    }
  }
}

const settings = { numRuns: 50, endOnFailure: true }

describe('DuckDB evaluates nodes as the memory engine does', () => {
  test('as-of joins', async () => {
    await fc.assert(
      fc.asyncProperty(world, async (w) => {
        const { file, target } = await place(w)
        const { relation, leaves } = rowsOf(w, file, target)
        const uses = [
          ...w.keys.map((k) => ({ name: `s${k.name}`, type: k.type })),
          { name: 'at', type: 'timestamp' as const },
        ]
        const join = {
          right: relation,
          on: w.keys.map((k) => ({ left: `s${k.name}`, right: k.name })),
          ttlUs: w.ttlUs,
          knownByLeft: w.knownByLeft,
          order: order(w),
          outputs: w.features.map((f) => ({ column: f.name, as: f.name })),
        }
        const cut: Relation = {
          kind: 'filter',
          input: relation,
          where: { op: '>=', column: own.event, type: 'timestamp', value: w.spine[0]?.at ?? 0n },
        }
        const plan: AsOf = {
          kind: 'asOf',
          left: { kind: 'input', name: 'spine', uses },
          at: 'at',
          joins: [
            join,
            {
              ...join,
              right: cut,
              knownByLeft: false,
              outputs: w.features.map((f) => ({ column: f.name, as: `cut__${f.name}` })),
            },
          ],
        }
        const rows = w.spine.map(
          (s) =>
            Object.fromEntries([...w.keys.map((k, i) => [`s${k.name}`, s.keys[i]]), ['at', s.at]]) as Record<
              string,
              unknown
            >,
        )
        const got = await columnsOf(
          await bench.offline.query({ plan, inputs: new Map([['spine', { kind: 'rows', rows }]]) }),
        )
        const expected = evaluate(plan, (leaf) => ({
          fields: fieldsOf(leaf),
          rows: leaf.kind === 'input' ? w.spine.map((s) => [...s.keys, s.at]) : leaves(leaf),
        }))
        expectSame(fieldsOf(plan), got, expected.rows)
        await clean()
      }),
      settings,
    )
  })

  test('the latest rows, sorted', async () => {
    await fc.assert(
      fc.asyncProperty(world, async (w) => {
        const { file, target } = await place(w)
        const { relation, leaves } = rowsOf(w, file, target)
        const keys = w.keys.map((k) => k.name)
        const plan: Relation = {
          kind: 'sort',
          input: { kind: 'latest', input: relation, by: keys, order: order(w) },
          by: [...keys, ...order(w)],
        }
        const got = await columnsOf(await bench.offline.query({ plan }))
        const expected = evaluate(plan, (leaf) => ({ fields: fieldsOf(leaf), rows: leaves(leaf) }))
        expectSame(fieldsOf(plan), got, expected.rows)
        await clean()
      }),
      settings,
    )
  })

  test('distinct, sorted rows; counts; semi-joins', async () => {
    await fc.assert(
      fc.asyncProperty(world, async (w) => {
        const { file, target } = await place(w)
        const { relation, leaves } = rowsOf(w, file, target)
        const keys = w.keys.map((k) => k.name)
        const usable: Relation = {
          kind: 'filter',
          input: relation,
          where: { op: 'and', all: keys.map((column) => ({ op: 'is not null', column })) },
        }
        const among: Relation = {
          kind: 'filter',
          input: usable,
          where: { op: '>', column: own.event, type: 'timestamp', value: w.spine[0]?.at ?? 0n },
        }
        const semi: Relation = { kind: 'semi', input: usable, keys, among }
        const by = [...keys, ...order(w)]
        const feature = w.features[0]
        const value = w.files[0]?.[0]?.features[0] ?? null
        const matching: Relation =
          feature === undefined || value === null || partsOf(feature.type).kind === 'vector'
            ? relation
            : { kind: 'filter', input: relation, where: { op: '>=', column: feature.name, type: feature.type, value } }
        for (const plan of [
          { kind: 'sort', input: { kind: 'distinct', input: relation }, by },
          { kind: 'sort', input: semi, by },
          { kind: 'count', input: semi },
          { kind: 'sort', input: matching, by },
        ] as const) {
          const got = await columnsOf(await bench.offline.query({ plan }))
          const expected = evaluate(plan, (leaf) => ({ fields: fieldsOf(leaf), rows: leaves(leaf) }))
          expectSame(fieldsOf(plan), got, expected.rows)
        }
        await clean()
      }),
      settings,
    )
  })
})
