import { expect, test } from 'vitest'
import { thingColumns, things } from '../../src/testing/store-bench.ts'
import { sharedMemory } from '../support/shared-memory.ts'

// Such a run read and wrote everything; what was left was to wait until the new generation may serve.
test('a run that is cancelled after its rows are covered says what it did', async () => {
  const memory = sharedMemory()
  memory.put('things', 'first', {
    columns: thingColumns,
    rows: [
      [1n, 1n, null, 1n, 101n],
      [2n, 1n, null, 1n, 101n],
    ],
  })
  await using store = memory.open({ waits: { switchMs: 60_000 } })
  await store.apply(things())
  await store.materialize('view')
  await store.apply(things({ features: { v: { type: 'int64', column: 'w' } } }), { allowBreaking: true })
  const running = store.materialize('view', {
    onProgress: ({ run, phase }) => {
      if (phase === 'switching') void store.cancelRun(run)
    },
  })
  await expect(running).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
  const [run] = await store.runs()
  expect(run).toMatchObject({ state: 'cancelled', rows: 2, written: 2, error: { code: 'RUN_CANCELLED' } })
  expect(run?.notes.join()).toContain('all that it read was online, and covered')
  expect((await store.show('views', 'view'))['building']).toMatchObject({
    rows: 2,
    coverage: [[null, expect.any(String)]],
  })
})
