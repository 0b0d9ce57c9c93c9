import { expect, test } from 'vitest'
import type { WireDefinitions } from '../../src/define/definition.ts'
import { sharedMemory } from '../support/shared-memory.ts'

const over = (k: string, tags: string): WireDefinitions => ({
  entities: { thing: { keys: { k } } },
  sources: { pushed: { type: 'push', schema: { k, tags }, timestamp: 'at' } },
  views: { view: { entities: ['thing'], source: 'pushed', features: { tags } } },
  on_demand: {},
  services: {},
})

test('rows pushed with narrower keys and lists are read as the wider ones, by history as online', async () => {
  const memory = sharedMemory()
  const now = memory.clock.now()
  await using store = memory.open()
  await store.apply(over('int32', 'list<int32>'))
  await store.push('view', [{ k: 1, tags: [1, null, 3], at: now }])
  await store.push('pushed', [{ k: 2, tags: [], at: now }])
  await store.apply(over('int64', 'list<int64>'), { allowBreaking: true })
  await store.materialize('view')
  const exact = [[[1n, null, 3n]], [[]]]
  expect((await store.online('view', [{ k: 1 }, { k: 2 }])).exact).toEqual(exact)
  const rows = await (await store.snapshot('view', { at: now })).rows({ int64: 'bigint' })
  expect(rows.map((row) => [row['tags']])).toEqual(exact)
})
