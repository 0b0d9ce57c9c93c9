import assert from 'node:assert/strict'
import { type AsOfRequest, asOfPlan, eventsPlan, snapshotPlan } from '../query/historical.ts'
import type { Value } from '../values/value.ts'
import type { Law } from './law.ts'
import {
  type OfflineHarness,
  T0,
  type ViewSketch,
  asOf,
  day,
  hour,
  read,
  seconds,
  sketch,
  useOf,
} from './offline-bench.ts'

/** A feature row: key, event, created, value. */
type F = readonly [bigint | null, bigint, bigint | null, bigint]

interface Vector {
  readonly name: string
  readonly view?: ViewSketch
  readonly request?: Partial<AsOfRequest>
  /** Spine rows: key and instant. */
  readonly spine: readonly (readonly [bigint | null, bigint | string])[]
  readonly rows: readonly F[]
  readonly expected: readonly (bigint | null)[]
}

const jan = (date: number): bigint => T0 + BigInt(date - 1) * day
const at100: Vector['spine'] = [[1n, seconds(100)]]
const p4: readonly F[] = [
  [1001n, T0, T0, 10n],
  [1001n, T0, T0 + day, 20n],
  [1002n, T0, T0 + day, 30n],
  [1002n, T0 + day, T0, 40n],
]
const p5: readonly F[] = [
  [1001n, T0, T0, 10n],
  [1002n, T0, T0, 30n],
  [1001n, T0, T0 + 2n * day, 20n],
  [1002n, T0, T0 + 2n * day, 40n],
]
const p5Spine: Vector['spine'] = [
  [1001n, T0 + day],
  [1002n, T0 + day],
]
const p9 = ['2024-01-01T12:00:00+02:00', '2024-01-01T10:00:00', '2024-01-01T10:00:00Z']

const vectors: readonly Vector[] = [
  {
    name: 'P1: ttl, late rows and created order',
    view: { ttl: '10d' },
    spine: [
      [1n, jan(1)],
      [1n, jan(2)],
      [2n, jan(1)],
      [3n, jan(3)],
    ],
    rows: [
      [1n, jan(0), jan(0), 11n],
      [1n, jan(2), jan(2), 22n],
      [1n, jan(3), jan(3), 33n],
      [2n, T0 - 363n * day, T0 - 363n * day, 22n],
      [3n, jan(1), jan(3), 10n],
      [3n, jan(1), jan(2), 20n],
    ],
    expected: [11n, 22n, null, 10n],
  },
  ...(
    [
      [100, 7n],
      [90, 7n],
      [89, null],
      [101, null],
    ] as const
  ).map(([at, expected]): Vector => ({
    name: `P2: ttl 10 s at ${at}`,
    view: { ttl: '10s' },
    spine: at100,
    rows: [[1n, seconds(at), null, 7n]],
    expected: [expected],
  })),
  {
    name: 'P2: a microsecond outside the ttl',
    view: { ttl: '10s' },
    spine: at100,
    rows: [[1n, seconds(90) - 1n, null, 7n]],
    expected: [null],
  },
  ...[undefined, '0'].map((ttl): Vector => ({
    name: `P3: ttl ${ttl ?? 'unset'} has no limit`,
    view: ttl === undefined ? {} : { ttl },
    spine: [[1n, T0 + 400n * day]],
    rows: [[1n, T0, null, 7n]],
    expected: [7n],
  })),
  {
    name: 'P4: the newest event wins, then the newest created',
    spine: [
      [1001n, T0 + 2n * day],
      [1002n, T0 + 2n * day],
    ],
    rows: p4,
    expected: [20n, 40n],
  },
  { name: 'P5: no cutoff', spine: p5Spine, rows: p5, expected: [20n, 40n] },
  { name: 'P5: knownBy spine', request: { knownBySpine: true }, spine: p5Spine, rows: p5, expected: [10n, 30n] },
  { name: 'P5: asOf', request: { asOf: T0 + 3n * day }, spine: p5Spine, rows: p5, expected: [20n, 40n] },
  {
    name: 'P5: asOf before the late rows',
    request: { asOf: T0 + day },
    spine: p5Spine,
    rows: p5,
    expected: [10n, 30n],
  },
  {
    name: 'P6: knownBy leaves out rows without created',
    request: { knownBySpine: true },
    spine: [[1n, T0 + day]],
    rows: [
      [1n, T0, T0 + 2n * hour, 4n],
      [1n, T0, null, 6n],
    ],
    expected: [4n],
  },
  {
    name: 'P8: a null key matches nothing',
    spine: [
      [null, seconds(100)],
      [1n, seconds(100)],
    ],
    rows: [
      [1n, seconds(90), seconds(95), 10n],
      [null, seconds(90), seconds(95), 99n],
    ],
    expected: [null, 10n],
  },
  {
    name: 'P9: offsets are converted, none is UTC',
    spine: p9.map((t) => [1n, t]),
    rows: [[1n, T0 + 10n * hour, null, 7n]],
    expected: [7n, 7n, 7n],
  },
  {
    name: 'a null created time is the oldest',
    spine: at100,
    rows: [
      [1n, seconds(90), null, 9n],
      [1n, seconds(90), seconds(-9e9), 1n],
    ],
    expected: [1n],
  },
  {
    name: 'rows of one instant tie by their values, the greater wins',
    spine: at100,
    rows: [
      [1n, seconds(90), null, 3n],
      [1n, seconds(90), null, 5n],
      [1n, seconds(90), null, 4n],
    ],
    expected: [5n],
  },
  {
    name: 'microseconds before 1970 are exact',
    spine: [[1n, -1n]],
    rows: [
      [1n, -1n, null, 7n],
      [1n, 0n, null, 8n],
    ],
    expected: [7n],
  },
]

/** Engines join few left rows in another way than many (DuckDB: from 64 on), so each vector's spine is joined as it is, and repeated. */
const repeats = 100

/** The vectors of the as-of join, and what they leave open. */
export const offlineVectorLaws: readonly Law<OfflineHarness>[] = [
  ...vectors.map((vector) => ({
    law: vector.name,
    async run(harness: OfflineHarness) {
      for (const rows of [vector.rows, vector.rows.toReversed()]) {
        await using store = await harness.open()
        const path = await store.put('source', [{ columns: columns(), rows }])
        const { definitions, view } = sketch(path, vector.view)
        for (const times of [1, repeats]) {
          const repeated = Array.from({ length: times }, () => vector.spine).flat()
          const spine = {
            kind: 'columns' as const,
            columns: { k: repeated.map(([k]) => k), at: repeated.map(([, at]) => at) },
          }
          const { v } = await asOf(store.offline, definitions, useOf(view), {
            spine,
            ...(vector.request === undefined ? {} : { request: vector.request }),
          })
          assert.deepEqual(v, Array.from({ length: times }, () => vector.expected).flat())
        }
      }
    },
  })),
  {
    law: 'P7: every spine row once, in order, its own columns untouched',
    async run(harness) {
      await using store = await harness.open()
      const path = await store.put('source', [
        {
          columns: columns(),
          rows: [
            [1n, T0, null, 10n],
            [2n, T0, null, 20n],
          ],
        },
      ])
      const { definitions, view } = sketch(path)
      const spine = {
        kind: 'rows' as const,
        rows: [
          { k: 1n, at: T0, label: 'A' },
          { k: 1n, at: T0, label: 'B' },
          { k: 2n, at: T0, label: 'C' },
        ],
      }
      const table = await asOf(store.offline, definitions, useOf(view), { spine })
      assert.deepEqual(
        [table['label'], table['v']],
        [
          ['A', 'B', 'C'],
          [10n, 10n, 20n],
        ],
      )
    },
  },
  {
    law: 'P10: one view twice, under two key mappings',
    async run(harness) {
      await using store = await harness.open()
      const path = await store.put('source', [
        {
          columns: columns(),
          rows: [
            [1n, T0, null, 10n],
            [2n, T0, null, 20n],
          ],
        },
      ])
      const { definitions, view } = sketch(path)
      const use = (alias: string) =>
        useOf(view, { keys: new Map([['k', `${alias}_id`]]), outputs: [{ feature: 'v', as: `${alias}__v` }] })
      const plan = asOfPlan(definitions, [use('origin'), use('destination')], { timestamp: 'at', knownBySpine: false })
      const table = await read(store.offline, plan, {
        kind: 'rows',
        rows: [{ origin_id: 1n, destination_id: 2n, at: T0 }],
      })
      assert.deepEqual([table['origin__v'], table['destination__v']], [[10n], [20n]])
    },
  },
  {
    law: 'P12: a join key is read from the source column that it is mapped to',
    async run(harness) {
      await using store = await harness.open()
      const path = await store.put('source', [
        { columns: [{ name: 'id', type: 'int64' }, ...columns().slice(1)], rows: [[1n, T0, null, 10n]] },
      ])
      const { definitions, view } = sketch(path, { keys: { driver_id: 'int64' }, map: { driver_id: 'id' } })
      const { v } = await asOf(store.offline, definitions, useOf(view), {
        spine: { kind: 'rows', rows: [{ driver_id: 1n, at: T0 }] },
      })
      assert.deepEqual(v, [10n])
    },
  },
  {
    law: 'P13: a view without entities has one row for all',
    async run(harness) {
      await using store = await harness.open()
      const path = await store.put('source', [
        {
          columns: columns().slice(1),
          rows: [
            [T0, null, 1n],
            [T0 + hour, null, 2n],
          ],
        },
      ])
      const { definitions, view } = sketch(path, { keys: {} })
      const { v } = await asOf(store.offline, definitions, useOf(view), {
        spine: {
          kind: 'rows',
          rows: [
            { k: 7n, at: T0 + hour / 2n },
            { k: 8n, at: T0 + 2n * hour },
          ],
        },
      })
      assert.deepEqual(v, [1n, 2n])
    },
  },
  ...(
    [
      ['float64', [null, 30, 20]],
      ['list<int64>', [null, [30n, null], [30n]]],
      ['vector<2>', [null, [30, 1], [20, 2]]],
    ] as const
  ).map(([type, values]) => ({
    law: `of rows of one instant, one whose ${type} is null is the least`,
    async run(harness: OfflineHarness) {
      await using store = await harness.open()
      const rows = values.map((value): (Value | null)[] => [1n, T0, null, value])
      const path = await store.put('source', [{ columns: [...columns().slice(0, 3), { name: 'v', type }], rows }])
      const { definitions, view } = sketch(path, { features: { v: type } })
      const spine = { kind: 'rows' as const, rows: [{ k: 1n, at: T0 }] }
      const { v } = await asOf(store.offline, definitions, useOf(view), { spine })
      const snapshot = await read(
        store.offline,
        snapshotPlan(definitions, useOf(view), { at: T0, includeExpired: false }),
      )
      assert.deepEqual([v, snapshot['v']], [[values[1]], [values[1]]])
    },
  })),
  {
    law: 'values of every type come back exactly, in every mode',
    async run(harness) {
      await using store = await harness.open()
      const types = {
        b: 'bool',
        i: 'int32',
        l: 'int64',
        f: 'float32',
        d: 'float64',
        s: 'string',
        y: 'bytes',
        t: 'timestamp',
        li: 'list<int64>',
        ls: 'list<string>',
        w: 'vector<2>',
      } as const
      const values: Record<keyof typeof types, (Value | null)[]> = {
        b: [true, null],
        i: [-2_147_483_648, null],
        l: [9_007_199_254_740_993n, null],
        f: [Math.fround(0.1), Number.NaN],
        d: [-0, Number.NEGATIVE_INFINITY],
        s: ['', 'naïve "quoted", \n 𝄞'],
        y: [Uint8Array.of(0, 255), new Uint8Array()],
        t: [-1n, 253_402_300_799_999_999n],
        li: [[], [9_007_199_254_740_993n, null]],
        ls: [[''], null],
        w: [[-0, -1], null],
      }
      const fields = Object.entries(types).map(([name, type]) => ({ name, type }))
      const row = (i: number): (Value | null)[] => [
        BigInt(i),
        T0,
        null,
        ...fields.map((f) => values[f.name as keyof typeof types][i] ?? null),
      ]
      const path = await store.put('source', [
        { columns: [...columns().slice(0, 3), ...fields], rows: [row(0), row(1)] },
      ])
      const { definitions, view } = sketch(path, { features: types })
      const table = await asOf(store.offline, definitions, useOf(view), {
        spine: {
          kind: 'rows',
          rows: [
            { k: 0n, at: T0 },
            { k: 1n, at: T0 },
          ],
        },
      })
      const events = eventsPlan(definitions, useOf(view), { start: T0, end: T0 + 1n })
      const snapshot = snapshotPlan(definitions, useOf(view), { at: T0, includeExpired: false })
      const found = {
        join: table,
        events: await read(store.offline, events),
        snapshot: await read(store.offline, snapshot),
      }
      for (const [mode, columnsOf] of Object.entries(found))
        for (const { name } of fields)
          assert.deepEqual(columnsOf[name], values[name as keyof typeof types], `${name}, ${mode}`)
    },
  },
]

/** The usual columns: key, event and created time, value. */
function columns(): { name: string; type: 'int64' | 'timestamp' }[] {
  return [
    { name: 'k', type: 'int64' },
    { name: 'at', type: 'timestamp' },
    { name: 'seen', type: 'timestamp' },
    { name: 'v', type: 'int64' },
  ]
}
