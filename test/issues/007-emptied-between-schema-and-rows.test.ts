import { expect, test } from 'vitest'
import type { Store } from '../../src/contract/store.ts'
import { things, thingColumns } from '../../src/testing/store-bench.ts'
import { type SharedMemory, sharedMemory } from '../support/shared-memory.ts'

// A writer makes the schema of its rows known before them. Where the store is emptied in between, the rows alone are in the
// new one, and readers cannot tell what they say.
const writers: Readonly<Record<string, (store: Store, memory: SharedMemory) => Promise<unknown>>> = {
  push: async (store, memory) => store.push('view', [{ k: 1, at: memory.clock.now(), v: 2 }]),
  'catch-up': async (store) => store.maintain(),
  run: async (store) => store.materialize('view').catch((thrown: unknown) => thrown),
}

test.for(Object.keys(writers))('rows are never without their schema for long: %s', async (writer) => {
  const memory = sharedMemory()
  memory.put('things', 'first', { columns: thingColumns, rows: [[1n, memory.clock.now() - 1n, null, 1n, 101n]] })
  let armed = false
  await using store = memory.open({
    around: ({ online }) => ({
      online: {
        ...online,
        async write(...asked) {
          if (armed) memory.online.restore()
          armed = false
          return online.write(...asked)
        },
      },
    }),
  })
  await store.apply(things())
  await store.push('view', [{ k: 2, at: memory.clock.now(), v: 3 }], { to: 'online' })
  if (writer === 'catch-up') memory.online.restore()
  armed = true
  await writers[writer]?.(store, memory)
  expect(armed).toBe(false)
  const served = await store.online('view', [{ k: 1 }, { k: 2 }])
  const expected = { push: [[2n], [null]], 'catch-up': [[null], [3n]], run: [[1n], [null]] }[writer]
  expect(served.exact).toEqual(expected)
})
