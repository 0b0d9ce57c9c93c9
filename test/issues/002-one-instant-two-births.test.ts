import { expect, test } from 'vitest'
import type { Store } from '../../src/contract/store.ts'
import { things, thingColumns } from '../../src/testing/store-bench.ts'
import { sharedMemory } from '../support/shared-memory.ts'

// Generations are named by instants, and a clock that is set by hand stands still: a run and an apply may choose one name.
// The run that finds the view changed must leave alone what the apply has named.
test('a run that begins anew leaves the generation alone that an apply has named by the same instant', async () => {
  const memory = sharedMemory()
  const row = (v: bigint) => ({ columns: thingColumns, rows: [[1n, memory.clock.now(), null, v, v + 100n]] })
  memory.put('things', 'first', row(1n))
  let between: (() => Promise<unknown>) | undefined
  await using store: Store = memory.open({
    around: ({ runLog }) => ({
      runLog: {
        ...runLog,
        async writeState(...asked) {
          const happens = between
          between = undefined
          await happens?.()
          return runLog.writeState(...asked)
        },
      },
    }),
  })
  await using other = memory.open()
  await store.apply(things())
  await store.materialize('view')
  memory.clock.set(memory.clock.now() + 1_000_000n)
  memory.put('things', 'first', row(2n))
  between = () => other.apply(things({ features: { v: { type: 'int64', column: 'w' } } }))
  const [run] = await store.materialize('view')
  expect(run?.notes).toEqual([])
  expect((await store.online('view', [{ k: 1 }])).exact).toEqual([[102n]])
})
