import assert from 'node:assert/strict'
import type { Definitions } from '../define/definition.ts'
import { type ViewUse, eventsPlan, snapshotPlan } from '../query/historical.ts'
import { tombstoneTie } from '../values/order.ts'
import type { Law } from './law.ts'
import { type OfflineHarness, type OfflineUnderTest, asOf, read, sketch, useOf } from './offline-bench.ts'
import {
  type Cut,
  type Row,
  byKeys,
  instant,
  known,
  later,
  place,
  randomRow,
  randomView,
  winner,
} from './offline-history.ts'
import { type Seeded, seeded } from './seeded.ts'

/** Engines join few left rows in another way than many (DuckDB: from 64 on). */
const spineSizes = [40, 250]
const historyRows = 240
const second = 1_000_000n

/** P14 and what it leaves out: every mode over random histories, compared with the plainest evaluation. */
export const offlineRandomLaws: readonly Law<OfflineHarness>[] = [1, 2, 3].map((seed) => ({
  law: `P14: random histories equal the oracle (seed ${seed})`,
  async run(harness) {
    const random = seeded(seed)
    await using store = await harness.open()
    const history = Array.from({ length: historyRows }, () => randomRow(random))
    const { path } = await place(store, history, random)
    for (const ttlUs of [0n, 40n * second]) {
      const { definitions, view } = sketch(path, {
        ...randomView,
        ...(ttlUs === 0n ? {} : { ttl: `${ttlUs / second}s` }),
      })
      const bench: Bench = { store, definitions, use: useOf(view), history, random, ttlUs }
      for (const cut of [
        {},
        { knownBySpine: true },
        { asOf: instant(random) },
        { knownBySpine: true, asOf: instant(random) },
      ])
        for (const rows of spineSizes) await checkAsOf(bench, cut, rows)
      for (const cut of [{}, { asOf: instant(random) }]) {
        await checkSnapshot(bench, cut)
        await checkEvents(bench, cut)
      }
    }
  },
}))

interface Bench {
  readonly store: OfflineUnderTest
  readonly definitions: Definitions
  readonly use: ViewUse
  readonly history: readonly Row[]
  readonly random: Seeded
  readonly ttlUs: bigint
}

async function checkAsOf(
  { store, definitions, use, history, random, ttlUs }: Bench,
  cut: Cut,
  rows: number,
): Promise<void> {
  const spine = Array.from({ length: rows }, (_, i) => ({
    a: random.int(9) === 0 ? null : BigInt(random.int(3)),
    b: random.pick(['', 'a', 'é']),
    at: instant(random),
    n: i,
  }))
  const table = await asOf(store.offline, definitions, use, { spine: { kind: 'rows', rows: spine }, request: cut })
  const expected = spine.map((s) => {
    const seen = history.filter(
      (r) => r.a !== null && r.a === s.a && r.b === s.b && r.event <= s.at && known(r, { ...cut, at: s.at }),
    )
    return winner(seen, s.at - ttlUs, ttlUs)
  })
  assert.deepEqual(
    { n: table['n'], x: table['x'], y: table['y'] },
    { n: spine.map((s) => BigInt(s.n)), x: expected.map((r) => r?.x ?? null), y: expected.map((r) => r?.y ?? null) },
    `${rows} spine rows, known by the spine: ${cut.knownBySpine}, as of: ${cut.asOf}`,
  )
}

async function checkSnapshot({ store, definitions, use, history, random, ttlUs }: Bench, cut: Cut): Promise<void> {
  const at = instant(random)
  const includeExpired = random.int(2) === 0
  const table = await read(store.offline, snapshotPlan(definitions, use, { at, includeExpired, ...cut }))
  const seen = history.filter((r) => r.a !== null && r.b !== null && r.event <= at && known(r, { ...cut, at }))
  const entities = [...Map.groupBy(seen, (r) => JSON.stringify([`${r.a}`, r.b])).values()]
  const latest = entities
    .map((rows) => winner(rows, at - ttlUs, includeExpired ? 0n : ttlUs))
    .filter((r) => r !== undefined)
  const sorted = latest.toSorted(byKeys)
  assert.deepEqual(
    { a: table['a'], b: table['b'], at: table['event_timestamp'], x: table['x'], y: table['y'] },
    {
      a: sorted.map((r) => r.a),
      b: sorted.map((r) => r.b),
      at: sorted.map((r) => r.event),
      x: sorted.map((r) => r.x),
      y: sorted.map((r) => r.y),
    },
  )
}

async function checkEvents({ store, definitions, use, history, random }: Bench, cut: Cut): Promise<void> {
  const [p, q] = [instant(random), instant(random)]
  const [start, end] = p < q ? [p, q] : [q, p + 1n]
  const table = await read(store.offline, eventsPlan(definitions, use, { start, end, ...cut }))
  const rows = history.filter(
    (r) =>
      r.a !== null &&
      r.b !== null &&
      r.tie !== tombstoneTie &&
      r.event >= start &&
      r.event < end &&
      known(r, { ...cut, at: end }),
  )
  const distinct = [
    ...new Map(
      rows.map((r) => [
        JSON.stringify([`${r.a}`, r.b, `${r.event}`, `${r.created}`, r.reading, `${r.tie}`, `${r.x}`, `${r.y}`]),
        r,
      ]),
    ).values(),
  ]
  const sorted = distinct.sort((m, n) => byKeys(m, n) || later(m, n))
  assert.deepEqual(
    { event: table['event_timestamp'], created: table['created_timestamp'], x: table['x'], y: table['y'] },
    {
      event: sorted.map((r) => r.event),
      created: sorted.map((r) => r.created),
      x: sorted.map((r) => r.x),
      y: sorted.map((r) => r.y),
    },
  )
}
