import { expect, test } from 'vitest'
import type { WireDefinitions } from '../../src/define/definition.ts'
import { sharedMemory } from '../support/shared-memory.ts'

const definitions: WireDefinitions = {
  entities: { visit: { keys: { event_timestamp: 'int64' } } },
  sources: {
    visits: { type: 'push', schema: { event_timestamp: 'int64', v: 'int64' }, timestamp: 'at' },
  },
  views: { view: { entities: ['visit'], source: 'visits', features: { v: 'int64' } } },
  on_demand: {},
  services: {},
}

// Events and snapshots add columns of their own to the join keys, and names are the users' to choose.
test('a join key that is named as a column which events and snapshots add is refused, by its name', async () => {
  const memory = sharedMemory()
  await using store = memory.open()
  await store.apply(definitions)
  const now = memory.clock.now()
  await store.push('visits', [{ event_timestamp: 1, v: 2, at: now }])
  const collision = { code: 'NAME_COLLISION', message: expect.stringContaining('event_timestamp') as unknown }
  await expect(store.snapshot('view', { at: now })).rejects.toMatchObject(collision)
  await expect(store.events('view', { start: now, end: now + 1n })).rejects.toMatchObject(collision)
  expect((await store.online('view', [{ event_timestamp: 1 }])).exact).toEqual([[2n]])
})
