import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { thingColumns, things } from '../../src/testing/store-bench.ts'
import { sharedMemory } from '../support/shared-memory.ts'

const waits = { closeMs: 50, stopMs: 100 }

/** A store whose runs read until they are told to stop, or for ever. */
function slowly(heeds: boolean) {
  const memory = sharedMemory()
  memory.put('things', 'first', { columns: thingColumns, rows: [[1n, 1n, null, 1n, 101n]] })
  const reading = Promise.withResolvers<void>()
  const store = memory.open({
    waits,
    around: ({ offline }) => ({
      offline: {
        ...offline,
        async query(query, call) {
          reading.resolve()
          await sleep(
            60_000,
            undefined,
            heeds && call?.signal !== undefined ? { signal: call.signal } : { ref: false },
          ).catch(() => undefined)
          return offline.query(query, call)
        },
      },
    }),
  })
  return { memory, store, reading: reading.promise }
}

// Reading may take hours. Who closes a store, or ends a server, must not have to wait for it, or to kill it.
test.for([true, false])(
  'a store is closed in bounded time though its run goes on; which heeds the signal: %s',
  async (heeds) => {
    const { memory, store, reading } = slowly(heeds)
    await store.apply(things())
    const [run] = await store.startMaterialize('view')
    await reading
    await store.push('view', [{ k: 2, at: memory.clock.now(), v: 5 }])
    const startMs = performance.now()
    await store[Symbol.asyncDispose]()
    const tookMs = performance.now() - startMs
    expect(tookMs).toBeGreaterThan(waits.closeMs - 5)
    expect(tookMs).toBeLessThan(2000)
    await using again = memory.open()
    const ended = await again.run(run?.id ?? '')
    if (heeds) {
      expect(ended).toMatchObject({ state: 'cancelled', error: { code: 'INTERRUPTED' } })
      await again.materialize('view')
      expect((await again.online('view', [{ k: 1 }, { k: 2 }])).exact).toEqual([[1n], [5n]])
    } else {
      // Its lease ends it later, as that of a process that was stopped.
      expect(ended.state).toBe('running')
    }
  },
)

test('a run that only waits until its generation may serve ends well when the store is closed, and is made up for', async () => {
  const memory = sharedMemory()
  const table = (v: bigint) => ({ columns: thingColumns, rows: [[1n, 1n, null, v, v]] })
  memory.put('things', 'first', table(1n))
  {
    await using store = memory.open({ waits: { ...waits, switchMs: 60_000 } })
    await store.apply(things())
    await store.materialize('view')
    memory.put('things', 'first', table(2n))
    const switching = Promise.withResolvers<void>()
    const runs = store.materialize('view', { onProgress: ({ phase }) => phase === 'switching' && switching.resolve() })
    await switching.promise
    await store[Symbol.asyncDispose]()
    const [run] = await runs
    expect(run).toMatchObject({ state: 'succeeded', written: 1 })
    expect(run?.notes.join()).toContain('The new generation does not serve yet: the store was closed while it waited.')
  }
  await using again = memory.open()
  expect((await again.online('view', [{ k: 1 }])).exact).toEqual([[1n]])
  await again.maintain()
  expect((await again.online('view', [{ k: 1 }])).exact).toEqual([[2n]])
})
