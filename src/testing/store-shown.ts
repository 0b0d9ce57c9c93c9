import assert from 'node:assert/strict'
import { formatInstant } from '../values/instant.ts'
import type { Law } from './law.ts'
import {
  type StoreHarness,
  type StoreUnderTest,
  hour,
  materialize,
  minute,
  openThings,
  putThings,
  things,
  wait,
} from './store-bench.ts'

/** What is shown of the rows of `view`: how many, the newest event time, its age in seconds, and whether that is fresh. */
async function counts(t: StoreUnderTest): Promise<unknown[]> {
  const view = await t.store.show('views', 'view')
  const [listed] = await t.store.list('views')
  assert.deepEqual(listed, view, 'listed as it is shown')
  return [view['rows'], view['newestEventTime'], view['ageSeconds'], view['fresh']]
}

/** What a view is shown to hold. */
export const storeShownLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'a view is shown with the rows that it holds, the newest event time, its age, and whether that keeps the promise',
    async run(harness) {
      await using t = await openThings(harness, [], { freshness: '1h', ttl: '2d' })
      const now = t.clock.now()
      assert.deepEqual(await counts(t), [0, null, undefined, undefined], 'nothing is neither fresh nor stale')
      await putThings(t, 'second', [
        { k: 1, at: now - 3n * hour, v: 1 },
        { k: 2, at: now - 2n * hour, v: 2 },
        { k: 2, at: now - 5n * hour, v: 3 },
      ])
      await materialize(t)
      assert.deepEqual(await counts(t), [2, formatInstant(now - 2n * hour), 7200, false])
      await t.store.push('view', [
        { k: 2, at: now - hour, v: 9n },
        { k: 3, at: now - 4n * hour, v: 9n },
      ])
      assert.deepEqual(await counts(t), [3, formatInstant(now - hour), 3600, true])
      wait(t, 1n)
      assert.deepEqual(await counts(t), [3, formatInstant(now - hour), 3600.000001, false])
      await t.store.delete('view', { k: 2 })
      assert.deepEqual(await counts(t), [2, formatInstant(now - hour), 3600.000001, false], 'a delete is no news')
      await t.store.push('view', [{ k: 4, at: now + minute, v: 9n }])
      assert.deepEqual(await counts(t), [3, formatInstant(now + minute), 0, true], 'what lies ahead is of now')
      wait(t, 73n * hour)
      assert.equal((await counts(t))[0], 3, 'expired rows are rows until they are swept')
      await t.store.maintain()
      assert.deepEqual((await counts(t)).slice(0, 2), [0, formatInstant(now + minute)])
    },
  },
  {
    law: 'rows are counted by generation: a new one counts its own, and those of the old one go with it',
    async run(harness) {
      const row = (k: number) => ({ k, at: 1n, v: k })
      await using t = await openThings(harness, [row(1), row(2), row(3)])
      await materialize(t)
      assert.equal((await counts(t))[0], 3)
      await putThings(t, 'first', [row(1)])
      await materialize(t)
      assert.equal((await counts(t))[0], 1)
      await t.store.apply(things({ features: { v: { type: 'int64', column: 'w' } } }), { allowBreaking: true })
      const { rows, building } = await t.store.show('views', 'view')
      const built = building as { rows: unknown; newestEventTime: unknown }
      assert.deepEqual([rows, built.rows, built.newestEventTime], [1, 0, null])
      await t.wipeOnline()
      await t.store.push('view', [{ k: 7, at: t.clock.now(), v: 9n }])
      assert.equal((await counts(t))[0], 1, 'an emptied store holds what came since')
    },
  },
]
