import { expect, test } from 'vitest'
import type { Store } from '../../src/contract/store.ts'
import type { OnlineImage } from '../../src/engines/memory/online.ts'
import { must } from '../../src/kernel/assert.ts'
import type { RunPoint } from '../../src/materialize/deps.ts'
import { things, thingColumns } from '../../src/testing/store-bench.ts'
import { sharedMemory } from '../support/shared-memory.ts'

// A copy of the online store may be put back at any moment. One made after a generation's run had ended explains its stamp,
// but not that its cursor stands where it stood: what was pushed since would be missing.
test('a generation does not serve before the log is online, though the store was put back since the catch-up', async () => {
  const memory = sharedMemory()
  memory.put('things', 'first', { columns: thingColumns, rows: [[1n, memory.clock.now(), null, 1n, 101n]] })
  let image: OnlineImage | undefined
  let reads = -1
  const reached = (point: RunPoint): void => {
    if (point === 'covered') image = memory.online.snapshot()
    if (point === 'caught up') reads = 0
  }
  await using store: Store = memory.open({
    reached,
    around: ({ marks }) => ({
      marks: {
        ...marks,
        // After the run has caught up, the marks are read by the catch-up of the switch, and then by the switch itself.
        async readMarks(...asked) {
          if (reads >= 0) reads++
          if (reads === 1) await store.push('view', [{ k: 2, at: memory.clock.now(), v: 7 }])
          if (reads === 2) memory.online.restore(must(image, 'a copy was made'))
          return marks.readMarks(...asked)
        },
      },
    }),
  })
  await store.apply(things())
  await store.materialize('view')
  reads = -1
  await store.apply(things({ features: { v: { type: 'int64', column: 'w' } } }))
  await store.materialize('view')
  const served = await store.online('view', [{ k: 1 }, { k: 2 }])
  expect(served.exact).toEqual([[101n], [7n]])
  expect(reads).toBeGreaterThan(2)
})
