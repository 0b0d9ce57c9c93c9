import { expect, test } from 'vitest'
import { things, thingColumns } from '../../src/testing/store-bench.ts'
import { sharedMemory } from '../support/shared-memory.ts'

// Until the switch the old generation serves, by its own keys: the number 7 of another key is another entity.
test('a delete by keys that only the new generation has deletes nothing that serves', async () => {
  const memory = sharedMemory()
  const now = memory.clock.now()
  memory.put('things', 'first', { columns: thingColumns, rows: [[7n, now - 1n, null, 1n, 101n]] })
  await using store = memory.open()
  await store.apply(things())
  await store.materialize('view')
  const byW = { ...things({ keys: { j: 'w' } }), entities: { thing: { keys: { j: 'int64' } } } }
  await store.apply(byW, { allowBreaking: true })
  expect(await store.delete('view', { j: 7 })).toEqual({ deleted: false })
  expect((await store.online('view', [{ k: 7 }])).exact).toEqual([[1n]])
  await store.materialize('view')
  expect((await store.online('view', [{ j: 101 }, { j: 7 }])).exact).toEqual([[1n], [null]])
})
