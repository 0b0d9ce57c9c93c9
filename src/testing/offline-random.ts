import assert from 'node:assert/strict'
import type { LogRow } from '../ports/push-log.ts'
import { eventsPlan, snapshotPlan } from '../query/historical.ts'
import { tombstoneTie } from '../values/order.ts'
import { type Value, compareValues } from '../values/value.ts'
import type { Law } from './law.ts'
import { type OfflineHarness, type OfflineUnderTest, T0, append, asOf, read, sketch, useOf } from './offline-bench.ts'
import { type Seeded, seeded } from './seeded.ts'

/** A row of the random view, as the oracle knows it. */
interface Row {
  readonly a: bigint | null
  readonly b: string | null
  readonly event: bigint
  readonly created: bigint | null
  readonly x: bigint | null
  readonly y: number | null
  /** 1 in place, 0 pushed. */
  readonly reading: number
  readonly tie: bigint
}

const spineRows = 250
const historyRows = 240
const second = 1_000_000n

const fields = [
  { name: 'a', type: 'int64' },
  { name: 'b', type: 'string' },
  { name: 'x', type: 'int64' },
  { name: 'y', type: 'float64' },
] as const
const timed = [{ name: 'at', type: 'timestamp' }, { name: 'seen', type: 'timestamp' }] as const

/** P14 and what it leaves out: every mode over random histories, compared with the plainest evaluation. */
export const offlineRandomLaws: readonly Law<OfflineHarness>[] = [1, 2, 3].map((seed) => ({
  law: `P14: random histories equal the oracle (seed ${seed})`,
  async run(harness) {
    const random = seeded(seed)
    await using store = await harness.open()
    const history = Array.from({ length: historyRows }, () => randomRow(random))
    const path = await place(store, history, random)
    for (const ttlUs of [0n, 40n * second]) {
      const { definitions, view } = sketch(path, { keys: { a: 'int64', b: 'string' }, features: { x: 'int64', y: 'float64' }, ...(ttlUs === 0n ? {} : { ttl: `${ttlUs / second}s` }) })
      const use = useOf(view)
      for (const cut of [{}, { knownBySpine: true }, { asOf: instant(random) }, { knownBySpine: true, asOf: instant(random) }]) {
        const spine = Array.from({ length: spineRows }, (_, i) => ({ a: random.int(9) === 0 ? null : BigInt(random.int(3)), b: random.pick(['', 'a', 'é']), at: instant(random), n: i }))
        const table = await asOf(store.offline, definitions, use, { spine: { kind: 'rows', rows: spine }, request: cut })
        const expected = spine.map((s) => winner(history.filter((r) => r.a !== null && r.a === s.a && r.b === s.b && r.event <= s.at && known(r, { ...cut, at: s.at })), s.at - ttlUs, ttlUs))
        assert.deepEqual({ n: table['n'], x: table['x'], y: table['y'] }, { n: spine.map((s) => BigInt(s.n)), x: expected.map((r) => r?.x ?? null), y: expected.map((r) => r?.y ?? null) }, JSON.stringify(cut, (_, v: unknown) => (typeof v === 'bigint' ? `${v}` : v)))
      }
      const at = instant(random)
      const snapshot = await read(store.offline, snapshotPlan(definitions, use, { at, includeExpired: false }))
      const entities = [...Map.groupBy(history.filter((r) => r.a !== null && r.b !== null && r.event <= at), (r) => JSON.stringify([`${r.a}`, r.b])).values()]
      const latest = entities.map((rows) => winner(rows, at - ttlUs, ttlUs)).filter((r) => r !== undefined).sort((p, q) => compareValues('int64', p.a, q.a) || compareValues('string', p.b, q.b))
      assert.deepEqual({ a: snapshot['a'], b: snapshot['b'], at: snapshot['event_timestamp'], x: snapshot['x'] }, { a: latest.map((r) => r.a), b: latest.map((r) => r.b), at: latest.map((r) => r.event), x: latest.map((r) => r.x) })
      await checkEvents(store, { definitions, use }, history, random)
    }
  },
}))

async function checkEvents(store: OfflineUnderTest, given: { definitions: Parameters<typeof eventsPlan>[0]; use: Parameters<typeof eventsPlan>[1] }, history: readonly Row[], random: Seeded): Promise<void> {
  const [p, q] = [instant(random), instant(random)]
  const [start, end] = p < q ? [p, q] : [q, p + 1n]
  const table = await read(store.offline, eventsPlan(given.definitions, given.use, { start, end }))
  const rows = history.filter((r) => r.a !== null && r.b !== null && r.tie !== tombstoneTie && r.event >= start && r.event < end)
  const distinct = [...new Map(rows.map((r) => [JSON.stringify([`${r.a}`, r.b, `${r.event}`, `${r.created}`, r.reading, `${r.tie}`, `${r.x}`, `${r.y}`]), r])).values()]
  const sorted = distinct.sort((m, n) => compareValues('int64', m.a, n.a) || compareValues('string', m.b, n.b) || later(m, n))
  assert.deepEqual({ event: table['event_timestamp'], created: table['created_timestamp'], x: table['x'], y: table['y'] }, { event: sorted.map((r) => r.event), created: sorted.map((r) => r.created), x: sorted.map((r) => r.x), y: sorted.map((r) => r.y) })
}

/** The maximum of the Order, or undefined: none, too old, or a tombstone. */
function winner(rows: readonly Row[], oldest: bigint, ttlUs: bigint): Row | undefined {
  let best: Row | undefined
  for (const row of rows) if (best === undefined || later(row, best) > 0) best = row
  return best === undefined || best.tie === tombstoneTie || (ttlUs !== 0n && best.event < oldest) ? undefined : best
}

function later(p: Row, q: Row): number {
  return (
    compareValues('timestamp', p.event, q.event) ||
    compareValues('timestamp', p.created, q.created) ||
    p.reading - q.reading ||
    compareValues('int64', p.tie, q.tie) ||
    (p.reading === 0 ? 0 : compareValues('int64', p.x, q.x) || compareValues('float64', p.y, q.y))
  )
}

function known(row: Row, cut: { knownBySpine?: boolean; asOf?: bigint; at: bigint }): boolean {
  if (cut.knownBySpine === true && (row.created === null || row.created > cut.at)) return false
  return cut.asOf === undefined || (row.created !== null && row.created <= cut.asOf)
}

/** Few instants, so that ties are common; a microsecond apart, so that rounding shows. */
const instant = (random: Seeded): bigint => T0 + BigInt(random.int(12)) * 10n * second + BigInt(random.int(3) - 1)

function randomRow(random: Seeded): Row {
  const place = random.int(4)
  const dead = place > 1 && random.int(5) === 0
  const created = place > 1 || random.int(3) > 0 ? T0 + BigInt(random.int(8)) * 20n * second : null
  return {
    a: random.int(12) === 0 && place < 2 ? null : BigInt(random.int(3)),
    b: random.int(12) === 0 && place < 2 ? null : random.pick(['', 'a', 'é']),
    event: instant(random),
    created,
    x: dead || random.int(4) === 0 ? null : BigInt(random.int(3)),
    y: dead ? null : random.pick([null, -1.5, 0, Number.NaN, Number.POSITIVE_INFINITY]),
    reading: place > 1 ? 0 : 1,
    tie: place > 1 ? (dead ? tombstoneTie : BigInt(random.int(1 << 30)) * 4096n + BigInt(random.int(4096))) : 0n,
  }
}

/** Puts rows where they belong: two files in place; the log, some pushed to the source and some to the view. Tombstones are of the view. */
async function place(store: OfflineUnderTest, history: readonly Row[], random: Seeded): Promise<string> {
  const inPlace = random.shuffle(history.filter((r) => r.reading === 1))
  const table = (rows: readonly Row[]): (Value | null)[][] => rows.map((r) => [r.a, r.b, r.x, r.y, r.event, r.created])
  const half = Math.floor(inPlace.length / 2)
  const path = await store.put('source', [inPlace.slice(0, half), inPlace.slice(half)].map((rows) => ({ columns: [...fields, ...timed], rows: table(rows) })))
  for (const row of random.shuffle(history.filter((r) => r.reading === 0))) {
    const kind = row.tie === tombstoneTie || random.int(2) === 0 ? 'view' : 'source'
    const values = [row.a, row.b, row.x, row.y]
    const logged: LogRow = { event: row.event, created: row.created ?? 0n, tie: row.tie, values: kind === 'view' ? values : [...values, row.event, row.created] }
    await append(store.log, kind, kind === 'view' ? fields : [...fields, ...timed], [logged])
  }
  return path
}
