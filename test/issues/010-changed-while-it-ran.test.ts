import { expect, test } from 'vitest'
import type { Store } from '../../src/contract/store.ts'
import type { WireDefinitions } from '../../src/define/definition.ts'
import { things, thingColumns } from '../../src/testing/store-bench.ts'
import { sharedMemory } from '../support/shared-memory.ts'

const removed: WireDefinitions = { ...things(), views: {} }
const cases: Readonly<Record<string, (other: Store) => Promise<unknown>>> = {
  'a new meaning': (other) => other.apply(things({ features: { v: { type: 'int64', column: 'w' } } })),
  'another feature': (other) => other.apply(things({ features: { v: 'int64', w: 'int64' } })),
  'removed and added again': async (other) => {
    await other.apply(removed)
    await other.apply(things())
  },
}

// Who waits for a run and then reads has to be told that it was not run for what is defined by now.
test.for(Object.keys(cases))('a run says so when the view was changed while it ran: %s', async (change) => {
  const memory = sharedMemory()
  memory.put('things', 'first', { columns: thingColumns, rows: [[1n, memory.clock.now() - 1n, null, 1n, 101n]] })
  await using other = memory.open()
  let happens: ((other: Store) => Promise<unknown>) | undefined
  await using store = memory.open({
    around: ({ online }) => ({
      online: {
        ...online,
        async write(...asked) {
          const now = happens
          happens = undefined
          await now?.(other)
          return online.write(...asked)
        },
      },
    }),
  })
  await store.apply(things())
  happens = cases[change]
  const [run] = await store.materialize('view')
  expect(run?.notes.filter((note) => note.includes('provender materialize view'))).toHaveLength(1)
  const [again] = await store.materialize('view')
  expect(again?.notes).toEqual([])
  expect((await store.online('view:v', [{ k: 1 }])).exact).toEqual([[change === 'a new meaning' ? 101n : 1n]])
})
