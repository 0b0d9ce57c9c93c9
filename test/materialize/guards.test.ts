import { expect, test } from 'vitest'
import type { Engines } from '../../src/compose/engines.ts'
import type { Store } from '../../src/contract/store.ts'
import { hour, thingColumns, things } from '../../src/testing/store-bench.ts'
import { type SharedMemory, sharedMemory } from '../support/shared-memory.ts'

const day = 24n * hour
const swapped = things({ features: { v: { type: 'int64', column: 'w' } } })

type Methods<Port> = {
  readonly [Name in keyof Port]: Port[Name] extends (...asked: never[]) => Promise<unknown> ? Name : never
}[keyof Port]

/** A store of which something happens once, just before a method of one of its engines is called: when `arm` was called before. */
function interrupted<const Part extends Exclude<keyof Engines, symbol>>(
  memory: SharedMemory,
  part: Part,
  method: Methods<Engines[Part]> & string,
): AsyncDisposable & { readonly store: Store; arm(happens: () => Promise<unknown>): void; happened(): boolean } {
  let next: (() => Promise<unknown>) | undefined
  const store = memory.open({
    waits: { freeMs: -1 },
    around: (engines) => {
      const engine: Engines[Part] = engines[part]
      const call = engine[method as keyof Engines[Part]] as (...asked: unknown[]) => Promise<unknown>
      const interrupting = async (...asked: unknown[]): Promise<unknown> => {
        const now = next
        next = undefined
        await now?.()
        return call(...asked)
      }
      return { [part]: { ...engine, [method]: interrupting } }
    },
  })
  return {
    store,
    arm: (happens) => void (next = happens),
    happened: () => next === undefined,
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
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
  await using worker = interrupted(memory, 'marks', 'moveCursor')
  await store.push('view', [{ k: 2, at: memory.clock.now(), v: 2 }])
  worker.arm(async () => memory.online.restore())
  await worker.store.maintain()
  expect(worker.happened()).toBe(true)
  expect((await store.online('view', [{ k: 2 }])).exact).toEqual([[null]])
  await worker.store.maintain()
  expect((await store.online('view', [{ k: 2 }])).exact).toEqual([[2n]])
})

test('a sweep leaves rows that were written under a longer ttl than it knows', async () => {
  const memory = sharedMemory()
  await using store = await opened(memory, { ttl: '1h' })
  await using worker = interrupted(memory, 'online', 'sweep')
  const old = { at: memory.clock.now() - 3n * day }
  await store.push('view', [{ k: 2, ...old, v: 2 }])
  worker.arm(async () => {
    await store.apply(things({ ttl: '30d' }))
    await store.push('view', [{ k: 3, ...old, v: 3 }])
  })
  await worker.store.maintain()
  expect(worker.happened()).toBe(true)
  expect((await store.online('view', [{ k: 2 }, { k: 3 }])).exact).toEqual([[null], [3n]])
  await store.materialize('view')
  expect((await store.online('view', [{ k: 1 }, { k: 2 }, { k: 3 }])).exact).toEqual([[1n], [2n], [3n]])
})

test('what a rollback brings back as it is about to be freed is not freed', async () => {
  const memory = sharedMemory()
  await using store = await opened(memory)
  await using worker = interrupted(memory, 'runLog', 'acquire')
  await store.materialize('view')
  await store.apply(swapped)
  await store.materialize('view')
  expect((await store.online('view', [{ k: 1 }])).exact).toEqual([[101n]])
  await store.push('view', [{ k: 2, at: memory.clock.now(), v: 2 }])
  worker.arm(() => store.rollback(1))
  await worker.store.maintain()
  expect(worker.happened()).toBe(true)
  await store.maintain()
  expect((await store.online('view', [{ k: 1 }, { k: 2 }])).exact).toEqual([[1n], [2n]])
  const [run] = await store.materialize('view')
  expect(run?.notes).toEqual([])
})

test('a run takes the definition that is the head when it is recorded, not the one that it saw first', async () => {
  const memory = sharedMemory()
  await using store = await opened(memory)
  await using runner = interrupted(memory, 'offline', 'describe')
  await store.materialize('view')
  runner.arm(() => store.apply(swapped))
  await runner.store.materialize('view')
  expect(runner.happened()).toBe(true)
  expect((await runner.store.online('view', [{ k: 1 }])).exact).toEqual([[101n]])
})
