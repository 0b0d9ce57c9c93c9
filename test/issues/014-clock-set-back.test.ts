import { expect, test } from 'vitest'
import { hour, thingColumns, things } from '../../src/testing/store-bench.ts'
import { sharedMemory } from '../support/shared-memory.ts'

// What was covered by a clock that ran ahead cannot be covered again until time gets there.
test('after the clock was set back, a view goes on: new rows, fresh generations, a new meaning', async () => {
  const memory = sharedMemory()
  const ahead = memory.clock.now()
  const now = ahead - 2n * hour
  const put = (file: string, ...rows: [bigint, bigint, bigint][]): void =>
    memory.put('things', file, { columns: thingColumns, rows: rows.map(([k, at, v]) => [k, at, null, v, v + 100n]) })
  put('a', [1n, now - hour, 1n])
  await using store = memory.open()
  const served = async () => (await store.online('view', [{ k: 1 }, { k: 2 }, { k: 3 }])).exact
  await store.apply(things())
  await store.materialize('view')
  memory.clock.set(now)
  put('b', [1n, now - hour, 7n], [2n, now - 3n * hour, 2n], [3n, now + hour, 3n])
  await store.materialize('view')
  expect((await served()).slice(0, 2)).toEqual([[7n], [2n]])
  memory.put('things', 'a', null)
  const [rebuilt] = await store.materialize('view')
  expect(rebuilt?.notes).toEqual(['Built a fresh generation: file changed.'])
  await store.apply(things({ features: { v: { type: 'int64', column: 'w' } } }))
  const [changed] = await store.materialize('view')
  expect(changed?.notes).toEqual([])
  expect((await served()).slice(0, 2)).toEqual([[107n], [102n]])
  const attempts = memory.metadata.states.get('view')?.value.progress.lastAttempt ?? 0n
  memory.clock.set(now + hour)
  await store.materialize('view')
  expect(await served()).toEqual([[107n], [102n], [103n]])
  expect(memory.metadata.states.get('view')?.value.progress.lastAttempt).toBeGreaterThan(attempts)
})
