import assert from 'node:assert/strict'
import { formatInstant } from '../values/instant.ts'
import type { Law } from './law.ts'
import {
  type StoreHarness,
  type StoreUnderTest,
  type Thing,
  hour,
  materialize,
  minute,
  openThings,
  putThings,
  remembered,
  second,
  served,
  servedTimes,
  shown,
  things,
  upToNow,
  wait,
} from './store-bench.ts'

/** Enough rows for several batches of every engine. */
const manyRows = 5000
const many = Array.from({ length: manyRows }, (_, k) => k)

const textOf = (instant: bigint): string => formatInstant(instant)

/** M1: rows before, between and after; one entity written by people in other zones. */
async function openM1(harness: StoreHarness): Promise<StoreUnderTest> {
  const t = await harness.open()
  const now = t.clock.now()
  await t.put('things', 'first', {
    columns: [
      { name: 'k', type: 'int64' },
      { name: 'at', type: 'timestamp' },
      { name: 'seen', type: 'timestamp' },
      { name: 'v', type: 'float64' },
    ],
    rows: [
      [1n, now - 4n * hour, null, 0.1],
      [2n, now - 30n * minute, null, null],
      [1n, now - 3n * hour, null, 0.3],
    ],
  })
  await t.store.apply(things({ features: { v: 'float64' } }))
  const zoned = [
    { k: 3, at: '2025-12-31T21:00:00+01:00', v: 4 },
    { k: 3, at: '2025-12-31T15:00:00-08:00', v: 5 },
  ]
  assert.deepEqual([now - 4n * hour, now - hour].map(textOf), ['2025-12-31T20:00:00Z', '2025-12-31T23:00:00Z'])
  await t.store.push('view', zoned, { to: 'offline' })
  return t
}

const firstOfM1 = (t: StoreUnderTest): { start: bigint; end: bigint } => ({
  start: t.clock.now() - 5n * hour,
  end: t.clock.now() - hour - second,
})

const materializeLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'M1: an interval, then the rest',
    async run(harness) {
      await using t = await openM1(harness)
      const first = firstOfM1(t)
      await materialize(t, first)
      assert.deepEqual(await served(t, [1, 2, 3]), [0.3, 'NOT_FOUND', 4])
      assert.deepEqual((await shown(t)).coverage, [[textOf(first.start), textOf(first.end)]])
      await materialize(t)
      assert.deepEqual(await served(t, [1, 2, 3]), [0.3, 'NULL_VALUE', 5])
      assert.deepEqual((await shown(t)).coverage, upToNow(t))
    },
  },
  {
    law: 'M2: twice is once',
    async run(harness) {
      await using t = await openM1(harness)
      const stored = async (): Promise<unknown[]> => [
        await served(t, [1, 2, 3]),
        await servedTimes(t, [1, 2, 3]),
        await shown(t),
      ]
      const first = firstOfM1(t)
      await materialize(t, first)
      const once = await stored()
      await materialize(t, first)
      assert.deepEqual(await stored(), once)
      await materialize(t)
      const all = await stored()
      const again = await materialize(t)
      assert.deepEqual([again.rows, again.written], [0, 0])
      assert.deepEqual(await stored(), all)
    },
  },
  {
    law: 'M3: the newest event time wins, in whatever order rows lie in a file or a push',
    async run(harness) {
      for (const order of [
        [0, 1, 2],
        [2, 1, 0],
        [1, 2, 0],
      ]) {
        await using t = await harness.open()
        const now = t.clock.now()
        const row = (k: number, i: number): Thing => ({ k, at: now - BigInt(10 - i) * second, v: 10 * (i + 1) })
        await putThings(
          t,
          'first',
          order.map((i) => row(1, i)),
        )
        await t.store.apply(things())
        const pushed = order.map((i) => row(2, i)).map(({ k, at, v }) => ({ k, at, v }))
        assert.deepEqual(await t.store.push('view', pushed), { accepted: 1, superseded: 2, rejected: [] })
        await materialize(t)
        assert.deepEqual(await served(t, [1, 2]), [30, 30])
      }
    },
  },
  {
    law: 'M4: an end in the future covers up to now, so a row of tomorrow is not lost',
    async run(harness) {
      await using t = await openThings(harness, [{ k: 1, at: 0n, v: 1 }])
      const run = await materialize(t, { end: t.clock.now() + 365n * 24n * hour })
      assert.deepEqual(run.interval, [null, textOf(t.clock.now() + 1n)])
      assert.deepEqual((await shown(t)).coverage, upToNow(t))
      wait(t, minute)
      await putThings(t, 'second', [{ k: 1, at: t.clock.now(), v: 2 }])
      await materialize(t)
      assert.deepEqual(await served(t, [1]), [2])
      assert.deepEqual((await shown(t)).coverage, upToNow(t))
    },
  },
  {
    law: 'M5: a run that ends after some of its batches has covered nothing; the next one leaves no gap',
    async run(harness) {
      await using t = await harness.open()
      const now = t.clock.now()
      await putThings(
        t,
        'first',
        many.map((k) => ({ k, at: now - minute, v: k })),
      )
      await t.store.apply(things())
      const before = await shown(t)
      let batches = 0
      t.onPhase((phase) => {
        if (phase === 'wrote a batch' && ++batches === 2) throw new Error('The store is gone')
      })
      await assert.rejects(t.store.materialize('view'), /The store is gone/)
      t.onPhase(null)
      assert.deepEqual(await shown(t), before)
      const [failed] = await t.store.runs({ view: 'view', state: 'failed' })
      assert.ok(failed?.error?.detail.includes('The store is gone'))
      await materialize(t)
      assert.deepEqual(await served(t, many), many)
      assert.deepEqual((await shown(t)).coverage, upToNow(t))
    },
  },
  {
    law: 'M5: a run that ends between any two phases is made good by the next one',
    async run(harness) {
      await using t = await openThings(harness, [{ k: 1, at: 0n, v: 0 }])
      const phases: string[] = []
      t.onPhase((phase) => phases.push(phase))
      await materialize(t, { repair: true })
      assert.ok(phases.length >= 8, `A rebuild passes through ${phases.join(', ')}`)
      for (const [i, ending] of [...new Set(phases)].entries()) {
        wait(t, second)
        await putThings(t, `file-${i}`, [{ k: i, at: t.clock.now(), v: i + 10 }])
        t.onPhase((phase) => {
          if (phase === ending) throw new Error(`Ended at ${phase}`)
        })
        await assert.rejects(
          t.store.materialize('view', { repair: i % 2 === 0 || ending === 'born' || ending === 'switched' }),
          /Ended at/,
        )
        t.onPhase(null)
        await materialize(t)
        const all = Array.from({ length: i + 1 }, (_, k) => k)
        assert.deepEqual(
          await served(t, all),
          all.map((k) => k + 10),
          `after an end at "${ending}"`,
        )
        assert.deepEqual((await shown(t)).coverage, upToNow(t))
      }
    },
  },
  {
    law: 'M6: who reads while the view is materialized gets the old row or the new one, whole',
    async run(harness) {
      await using t = await harness.open()
      const put = (file: string, n: number): Promise<void> =>
        putThings(
          t,
          file,
          many.map((k) => ({ k, at: t.clock.now(), v: n, w: n })),
        )
      await put('first', 1)
      await t.store.apply(things({ features: { v: 'int64', w: 'int64' } }))
      await materialize(t)
      const seen = new Set<unknown>()
      for (const repair of [false, true]) {
        wait(t, second)
        await put(repair ? 'third' : 'second', repair ? 3 : 2)
        const old = repair ? 2 : 1
        let done = false
        const run = materialize(t, { repair }).finally(() => (done = true))
        for (let i = 0; !done; i++) {
          const [row] = await t.store.online('view', [{ k: (i * 37) % manyRows }])
          assert.ok((row?.['v'] === old || row?.['v'] === old + 1) && row['v'] === row['w'], JSON.stringify(row))
          seen.add(row['v'])
          await new Promise((resolve) => setImmediate(resolve))
        }
        await run
        assert.deepEqual(new Set(await served(t, many)), new Set([old + 1]))
      }
      assert.ok(seen.size > 1, 'Somebody read before the end')
    },
  },
]

const incrementalLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'a late file counts within what is covered, and waits beyond it',
    async run(harness) {
      const now = await clockOf(harness)
      await using t = await openThings(
        harness,
        [1, 2, 3].map((k) => ({ k, at: now - 10n * minute, v: k })),
      )
      const end = now - 5n * minute
      await materialize(t, { end })
      await putThings(t, 'late', [
        { k: 1, at: now - 20n * minute, v: 10 },
        { k: 2, at: now - 6n * minute, v: 20 },
        { k: 3, at: end, v: 30 },
      ])
      await materialize(t, { end })
      assert.deepEqual(await served(t, [1, 2, 3]), [1, 20, 3])
      await materialize(t)
      assert.deepEqual(await served(t, [1, 2, 3]), [1, 20, 30])
    },
  },
  {
    law: 'a late row that ties with one that is served wins or loses by its values, not by when it was read',
    async run(harness) {
      const now = await clockOf(harness)
      const at = now - minute
      await using t = await openThings(harness, [
        { k: 1, at, v: 5 },
        { k: 2, at, v: 5 },
      ])
      await materialize(t)
      await putThings(t, 'late', [
        { k: 1, at, v: 3 },
        { k: 2, at, v: 7 },
      ])
      await materialize(t)
      assert.deepEqual(await served(t, [1, 2]), [5, 7])
      assert.deepEqual(await remembered(t, [1, 2]), [5, 7])
    },
  },
  {
    law: 'rows pushed offline come online with the next materialization, within what it covers',
    async run(harness) {
      await using t = await openThings(harness, [])
      await materialize(t)
      await t.store.push('view', [{ k: 1, at: t.clock.now(), v: 1 }], { to: 'offline' })
      await t.store.maintain()
      assert.deepEqual(await served(t, [1]), ['NOT_FOUND'])
      await materialize(t)
      assert.deepEqual(await served(t, [1]), [1])
    },
  },
  {
    law: '`start` and `since` read covered intervals again, and no others; an empty interval is refused',
    async run(harness) {
      const now = await clockOf(harness)
      await using t = await openThings(harness, [
        { k: 1, at: now - 2n * hour, v: 1 },
        { k: 2, at: now - minute, v: 2 },
      ])
      await materialize(t)
      assert.equal((await materialize(t)).rows, 0)
      const since = await materialize(t, { since: '1h' })
      assert.deepEqual([since.rows, since.interval], [1, [textOf(now - hour), textOf(now + 1n)]])
      assert.equal((await materialize(t, { start: now - 3n * hour })).rows, 2)
      await assert.rejects(t.store.materialize('view', { start: now, end: now }), { code: 'BAD_REQUEST' })
      await assert.rejects(t.store.materialize('view', { start: now + hour }), { code: 'BAD_REQUEST' })
      await assert.rejects(t.store.materialize('veiw'), { code: 'UNKNOWN_NAME' })
    },
  },
  {
    law: 'rows without a key or event time are skipped, and counted',
    async run(harness) {
      await using t = await harness.open()
      const now = t.clock.now()
      const columns = [
        { name: 'k', type: 'int64' },
        { name: 'at', type: 'timestamp' },
        { name: 'seen', type: 'timestamp' },
        { name: 'v', type: 'int64' },
      ] as const
      await t.put('things', 'first', {
        columns,
        rows: [
          [1n, now, null, 1n],
          [null, now, null, 2n],
          [2n, null, null, 3n],
        ],
      })
      await t.store.apply(things())
      const run = await materialize(t)
      assert.deepEqual([run.written, run.skipped], [1, 2])
      assert.deepEqual(await served(t, [1, 2]), [1, 'NOT_FOUND'])
    },
  },
]

/** What the clock of a store says when it is opened. */
async function clockOf(harness: StoreHarness): Promise<bigint> {
  await using t = await harness.open()
  return t.clock.now()
}

/** Materialization: the vectors M1 to M6, coverage, and what becomes visible late. */
export const storeMaterializeLaws: readonly Law<StoreHarness>[] = [...materializeLaws, ...incrementalLaws]
