import { expect, test } from 'vitest'
import type { Store } from '../../src/contract/store.ts'
import { hour, thingColumns, things } from '../../src/testing/store-bench.ts'
import { type Opened, type SharedMemory, sharedMemory } from '../support/shared-memory.ts'

const day = 24n * hour
const swapped = things({ features: { v: { type: 'int64', column: 'w' } } })

/** A store in which something happens once, when it comes to a point that `arm` was called for. */
function interrupted(memory: SharedMemory, around: (happens: () => Promise<unknown>) => Opened['around']) {
  let next: (() => Promise<unknown>) | undefined
  const store = memory.open({
    waits: { freeMs: -1 },
    around: (engines) =>
      around(async () => {
        const now = next
        next = undefined
        await now?.()
      })?.(engines) ?? {},
  })
  return {
    store,
    arm: (happens: () => Promise<unknown>): void => void (next = happens),
    happened: () => next === undefined,
  }
}

async function opened(memory: SharedMemory, view: Readonly<Record<string, unknown>> = {}): Promise<Store> {
  memory.put('things', 'first', { columns: thingColumns, rows: [[1n, memory.clock.now() - 1n, null, 1n, 101n]] })
  const store = memory.open()
  await store.apply(things(view))
  return store
}

test('a cursor stays where it is when the store is another one than the catch-up began with', async () => {
  const memory = sharedMemory()
  await using store = await opened(memory)
  const {
    store: worker,
    arm,
    happened,
  } = interrupted(memory, (happens) => ({ marks }) => ({
    marks: {
      ...marks,
      async moveCursor(...asked) {
        await happens()
        return marks.moveCursor(...asked)
      },
    },
  }))
  await using _ = worker
  await store.push('view', [{ k: 2, at: memory.clock.now(), v: 2 }])
  arm(async () => memory.online.restore())
  await worker.maintain()
  expect(happened()).toBe(true)
  expect((await store.online('view', [{ k: 2 }])).exact).toEqual([[null]])
  await worker.maintain()
  expect((await store.online('view', [{ k: 2 }])).exact).toEqual([[2n]])
})

test('a sweep leaves rows that were written under a longer ttl than it knows', async () => {
  const memory = sharedMemory()
  await using store = await opened(memory, { ttl: '1h' })
  const {
    store: worker,
    arm,
    happened,
  } = interrupted(memory, (happens) => ({ online }) => ({
    online: {
      ...online,
      async sweep(...asked) {
        await happens()
        return online.sweep(...asked)
      },
    },
  }))
  await using _ = worker
  const old = { at: memory.clock.now() - 3n * day }
  await store.push('view', [{ k: 2, ...old, v: 2 }])
  arm(async () => {
    await store.apply(things({ ttl: '30d' }))
    await store.push('view', [{ k: 3, ...old, v: 3 }])
  })
  await worker.maintain()
  expect(happened()).toBe(true)
  expect((await store.online('view', [{ k: 2 }, { k: 3 }])).exact).toEqual([[null], [3n]])
  await store.materialize('view')
  expect((await store.online('view', [{ k: 1 }, { k: 2 }, { k: 3 }])).exact).toEqual([[1n], [2n], [3n]])
})

test('what a rollback brings back as it is about to be freed is not freed', async () => {
  const memory = sharedMemory()
  await using store = await opened(memory)
  const {
    store: worker,
    arm,
    happened,
  } = interrupted(memory, (happens) => ({ runLog }) => ({
    runLog: {
      ...runLog,
      async acquire(...asked) {
        await happens()
        return runLog.acquire(...asked)
      },
    },
  }))
  await using _ = worker
  await store.materialize('view')
  await store.apply(swapped)
  await store.materialize('view')
  expect((await store.online('view', [{ k: 1 }])).exact).toEqual([[101n]])
  await store.push('view', [{ k: 2, at: memory.clock.now(), v: 2 }])
  arm(() => store.rollback(1))
  await worker.maintain()
  expect(happened()).toBe(true)
  await store.maintain()
  expect((await store.online('view', [{ k: 1 }, { k: 2 }])).exact).toEqual([[1n], [2n]])
  const [run] = await store.materialize('view')
  expect(run?.notes).toEqual([])
})

test('a run takes the definition that is the head when it is recorded, not the one that it saw first', async () => {
  const memory = sharedMemory()
  await using store = await opened(memory)
  const {
    store: runner,
    arm,
    happened,
  } = interrupted(memory, (happens) => ({ offline }) => ({
    offline: {
      ...offline,
      async describe(...asked) {
        await happens()
        return offline.describe(...asked)
      },
    },
  }))
  await using _ = runner
  await store.materialize('view')
  arm(() => store.apply(swapped))
  await runner.materialize('view')
  expect(happened()).toBe(true)
  expect((await runner.online('view', [{ k: 1 }])).exact).toEqual([[101n]])
})
