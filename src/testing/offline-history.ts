import type { LogRow } from '../ports/push-log.ts'
import { tombstoneTie } from '../values/order.ts'
import { type Value, compareValues } from '../values/value.ts'
import { type OfflineUnderTest, T0, append } from './offline-bench.ts'
import type { Seeded } from './seeded.ts'

/** A row of the random view, as the oracle knows it. */
export interface Row {
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

const second = 1_000_000n

const fields = [
  { name: 'a', type: 'int64' },
  { name: 'b', type: 'string' },
  { name: 'x', type: 'int64' },
  { name: 'y', type: 'float64' },
] as const
const timed = [
  { name: 'at', type: 'timestamp' },
  { name: 'seen', type: 'timestamp' },
] as const

/** The random view: keys and features for `sketch`. */
export const randomView = Object.freeze({
  keys: { a: 'int64', b: 'string' },
  features: { x: 'int64', y: 'float64' },
})

/** The maximum of the Order, or undefined: none, too old, or a tombstone. */
export function winner(rows: readonly Row[], oldest: bigint, ttlUs: bigint): Row | undefined {
  let best: Row | undefined
  for (const row of rows) if (best === undefined || later(row, best) > 0) best = row
  return best === undefined || best.tie === tombstoneTie || (ttlUs !== 0n && best.event < oldest) ? undefined : best
}

/** The Order: positive where p is later than q. */
export function later(p: Row, q: Row): number {
  return (
    compareValues('timestamp', p.event, q.event) ||
    compareValues('timestamp', p.created, q.created) ||
    p.reading - q.reading ||
    compareValues('int64', p.tie, q.tie) ||
    (p.reading === 0 ? 0 : compareValues('int64', p.x, q.x) || compareValues('float64', p.y, q.y))
  )
}

/** By keys, as snapshots and events are sorted. */
export const byKeys = (p: Row, q: Row): number => compareValues('int64', p.a, q.a) || compareValues('string', p.b, q.b)

/** What a read may not have known. */
export interface Cut {
  readonly knownBySpine?: boolean
  readonly asOf?: bigint
}

/** Whether a cut lets a row be seen from an instant. */
export function known(row: Row, cut: Cut & { readonly at: bigint }): boolean {
  if (cut.knownBySpine === true && (row.created === null || row.created > cut.at)) return false
  return cut.asOf === undefined || (row.created !== null && row.created <= cut.asOf)
}

/** Few instants, so that ties are common; a microsecond apart, so that rounding shows. */
export const instant = (random: Seeded): bigint =>
  T0 + BigInt(random.int(12)) * 10n * second + BigInt(random.int(3) - 1)

/** A row with few different keys, times and values, so that all meet. */
export function randomRow(random: Seeded): Row {
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

/** Where a row lies: which file, or at what position of the log. */
export type Place = { readonly file: number } | { readonly position: bigint }

/**
 * Puts rows where they belong: two files in place; the log, some pushed to the source and some to the view. Tombstones are
 * of the view. Answers the path of the files and where each row is.
 */
export async function place(
  store: OfflineUnderTest,
  history: readonly Row[],
  random: Seeded,
): Promise<{ path: string; places: ReadonlyMap<Row, Place> }> {
  const places = new Map<Row, Place>()
  const inPlace = random.shuffle(history.filter((r) => r.reading === 1))
  const table = (rows: readonly Row[]): (Value | null)[][] => rows.map((r) => [r.a, r.b, r.x, r.y, r.event, r.created])
  const half = Math.floor(inPlace.length / 2)
  const files = [inPlace.slice(0, half), inPlace.slice(half)]
  for (const [file, rows] of files.entries()) for (const row of rows) places.set(row, { file })
  const path = await store.put(
    'source',
    files.map((rows) => ({ columns: [...fields, ...timed], rows: table(rows) })),
  )
  for (const row of random.shuffle(history.filter((r) => r.reading === 0))) {
    const kind = row.tie === tombstoneTie || random.int(2) === 0 ? 'view' : 'source'
    const values = [row.a, row.b, row.x, row.y]
    const logged: LogRow = {
      event: row.event,
      created: row.created ?? 0n,
      tie: row.tie,
      values: kind === 'view' ? values : [...values, row.event, row.created],
    }
    places.set(row, {
      position: await append(store.log, kind, kind === 'view' ? fields : [...fields, ...timed], [logged]),
    })
  }
  return { path, places }
}
