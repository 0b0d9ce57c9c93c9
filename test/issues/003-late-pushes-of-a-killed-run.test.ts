import { expect, test } from 'vitest'
import type { WireDefinitions } from '../../src/define/definition.ts'
import { openEmbeddedStore } from '../support/embedded-store.ts'

const second = 1_000_000n

const definitions: WireDefinitions = {
  entities: { card: { key: 'int64' } },
  sources: {
    taps: { type: 'push', schema: { card: 'int64', amount: 'int64' }, timestamp: 'tapped' },
    doubled: { type: 'sql', sql: 'select card, amount * 2 as amount, tapped from taps', timestamp: 'tapped' },
  },
  views: { view: { entities: ['card'], source: 'doubled', lateness: '1h', features: { amount: 'int64' } } },
  on_demand: {},
  services: {},
}

// What a run has begun to read is known. It is not read for that: a run that is killed has covered nothing.
test('late results of a query are read by the run after one that was killed', async () => {
  await using t = await openEmbeddedStore()
  await t.store.apply(definitions)
  const tap = (card: number, amount: number, tapped: bigint) => t.store.push('taps', [{ card, amount, tapped }])
  await tap(1, 5, t.clock.now() - 60n * second)
  await t.store.materialize('view')
  const before = t.clock.now()
  t.clock.set(before + 60n * second)
  await tap(2, 7, before - 30n * second)
  t.onPhase((phase) => {
    if (phase === 'stamped open') throw new Error('killed')
  })
  await expect(t.store.materialize('view')).rejects.toThrow('killed')
  t.onPhase(null)
  await t.store.materialize('view')
  const served = await t.store.online('view', [{ card: 1 }, { card: 2 }])
  expect(served.exact).toEqual([[10n], [14n]])
})
