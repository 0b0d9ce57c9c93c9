import { expect, test } from 'vitest'
import { hour, things } from '../../src/testing/store-bench.ts'
import { formatInstant } from '../../src/values/instant.ts'
import { sharedMemory } from '../support/shared-memory.ts'

test('a run to now that waited for its turn says the interval that it covered, not the one that it was queued with', async () => {
  const memory = sharedMemory()
  const queued = memory.clock.now()
  await using store = memory.open({
    around: ({ runLog }) => ({
      runLog: {
        ...runLog,
        async acquire(...asked) {
          memory.clock.set(queued + hour)
          return runLog.acquire(...asked)
        },
      },
    }),
  })
  await store.apply(things())
  const [run] = await store.materialize('view')
  expect(run?.interval).toEqual([null, formatInstant(queued + hour + 1n)])
  expect((await store.show('views', 'view'))['coverage']).toEqual([run?.interval])
  const [repaired] = await store.materialize('view', { start: queued + hour, repair: true })
  expect(repaired?.interval).toEqual([formatInstant(queued + hour), formatInstant(queued + hour + 1n)])
})
