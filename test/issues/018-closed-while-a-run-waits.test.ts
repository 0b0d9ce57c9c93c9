import { expect, test } from 'vitest'
import { things } from '../../src/testing/store-bench.ts'
import { sharedMemory } from '../support/shared-memory.ts'

// A run may wait for an hour while another process holds its view. Nobody should have to wait for it to close a store.
test('a store that is closed gives up the runs that wait, and lets the one that has begun end', async () => {
  const memory = sharedMemory()
  const busy = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  await using other = memory.open({
    around: ({ offline }) => ({
      offline: {
        ...offline,
        async describe(...asked) {
          begun.resolve()
          await busy.promise
          return offline.describe(...asked)
        },
      },
    }),
  })
  const store = memory.open()
  await store.apply(things())
  const running = other.materialize('view')
  await begun.promise
  const [waiting] = await store.startMaterialize('view')
  const [behind] = await other.startMaterialize('view')
  await store[Symbol.asyncDispose]()
  const state = async (id: string | undefined) => (await other.run(id ?? '')).state
  expect([await state(waiting?.id), await state(behind?.id)]).toEqual(['cancelled', 'queued'])
  const closing = other[Symbol.asyncDispose]()
  busy.resolve()
  expect(await running).toMatchObject([{ state: 'succeeded' }])
  await closing
  await using again = memory.open()
  expect((await again.run(behind?.id ?? '')).error?.code).toBe('INTERRUPTED')
})
