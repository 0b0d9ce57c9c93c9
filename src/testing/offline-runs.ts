import assert from 'node:assert/strict'
import { runPlan } from '../query/materialize.ts'
import { own } from '../query/relation.ts'
import { type Interval, gaps, unite } from '../values/intervals.ts'
import { tombstoneTie } from '../values/order.ts'
import type { Law } from './law.ts'
import { type OfflineHarness, read, sketch } from './offline-bench.ts'
import { type Row, byKeys, instant, later, place, randomRow, randomView } from './offline-history.ts'
import { type Seeded, seeded } from './seeded.ts'

const historyRows = 120
const runs = 8

/** What runs of a materialization read, over random histories, coverages and requests, compared with the plainest evaluation. */
export const offlineRunLaws: readonly Law<OfflineHarness>[] = [1, 2].map((seed) => ({
  law: `a run reads the latest row of every entity that it has to write (seed ${seed})`,
  async run(harness) {
    const random = seeded(seed)
    await using store = await harness.open()
    const history = Array.from({ length: historyRows }, () => randomRow(random))
    const { path, places } = await place(store, history, random)
    const { definitions, view } = sketch(path, randomView)
    const files = (await store.offline.describe([view.source], definitions.sources))[0]?.files ?? []
    const head = await store.log.head()
    for (let i = 0; i < runs; i++) {
      const covered = unite([interval(random)], [interval(random)])
      const request = [interval(random)]
      const coveredFile = random.int(3) - 1
      const coveredPosition = BigInt(random.int(Number(head) + 1))
      const gap = random.int(3) === 0 ? request : gaps(request, covered)
      const plan = runPlan(definitions, view, {
        covered,
        request,
        gap,
        coveredPosition,
        logBefore: head,
        purgedBelow: 0n,
        newFrom: null,
        foreign: null,
        coveredFiles: files.filter((_, file) => file === coveredFile),
        newFiles: files.filter((_, file) => file !== coveredFile),
      })
      const isNew = (row: Row): boolean => {
        const at = places.get(row)
        return at !== undefined && ('file' in at ? at.file !== coveredFile : at.position >= coveredPosition)
      }
      const ground = unite(covered, request)
      const usable = history.filter((r) => r.a !== null && r.b !== null && isWithin(ground, r.event))
      const entities = [...Map.groupBy(usable, (r) => JSON.stringify([`${r.a}`, r.b])).values()]
      const expected = entities.flatMap((rows) => {
        const best = maximum(rows.some(isNew) ? rows : rows.filter((r) => isWithin(gap, r.event)))
        return best === undefined ? [] : [best]
      })
      const table = plan === null ? {} : await read(store.offline, plan)
      const found = (table['a'] ?? []).map((_, j) => Object.fromEntries(columns.map((c) => [c, table[c]?.[j] ?? null])))
      const wanted = expected.toSorted(byKeys).map(written)
      assert.deepEqual(found.toSorted(byText), wanted.toSorted(byText))
    }
  },
}))

const columns = ['a', 'b', 'x', 'y', own.event, own.created, own.reading, own.tie, own.tombstone]

function written(r: Row): Record<string, unknown> {
  const dead = r.tie === tombstoneTie
  const own4 = { [own.event]: r.event, [own.created]: r.created, [own.reading]: BigInt(r.reading), [own.tie]: r.tie }
  return { a: r.a, b: r.b, x: r.x, y: r.y, ...own4, [own.tombstone]: dead }
}

const byText = (p: Record<string, unknown>, q: Record<string, unknown>): number => {
  const [m, n] = [`${String(p['a'])}/${String(p['b'])}`, `${String(q['a'])}/${String(q['b'])}`]
  return m < n ? -1 : m > n ? 1 : 0
}

function maximum(rows: readonly Row[]): Row | undefined {
  let best: Row | undefined
  for (const row of rows) if (best === undefined || later(row, best) > 0) best = row
  return best
}

const isWithin = (intervals: readonly Interval[], event: bigint): boolean =>
  intervals.some((i) => (i.start === null || i.start <= event) && event < i.end)

function interval(random: Seeded): Interval {
  const [p, q] = [instant(random), instant(random)]
  const start = p < q ? p : q
  return { start: random.int(4) === 0 ? null : start, end: (p < q ? q : p) + BigInt(random.int(2)) }
}
