import { expect, test } from 'vitest'
import type { WireDefinitions } from '../../src/define/definition.ts'
import { things } from '../../src/testing/store-bench.ts'
import { sharedMemory } from '../support/shared-memory.ts'

const { view } = things().views
const both: WireDefinitions = { ...things(), views: { view, other: view } }

// Maintenance comes every few seconds. Writing down each time that a view removed months ago has no history would make
// every process read the registry, and compile its references, again.
test('a removed view is purged once, not whenever the log has grown', async () => {
  const memory = sharedMemory()
  await using store = memory.open({ waits: { purgeMs: 0 } })
  await store.apply(both)
  const now = memory.clock.now()
  await store.push('other', [{ k: 1, at: now, v: 1 }])
  await store.apply(things())
  const versions: unknown[] = []
  for (let i = 0; i < 3; i++) {
    await store.push('view', [{ k: 1, at: now, v: i }])
    await store.maintain()
    versions.push(memory.metadata.states.get('other')?.version)
  }
  expect(versions[2]).toBe(versions[0])
  await store.apply(both)
  await store.maintain()
  expect((await store.online('other', [{ k: 1 }])).exact).toEqual([[null]])
  await store.push('other', [{ k: 1, at: now, v: 2 }])
  await new Promise((resolve) => setTimeout(resolve, 2))
  await store.apply(things())
  await store.maintain()
  await store.apply(both)
  expect(await (await store.snapshot('other', { at: now })).rows()).toEqual([])
})
