import { expect, test } from 'vitest'
import type { WireDefinitions } from '../../src/define/definition.ts'
import { openEmbeddedStore } from '../support/embedded-store.ts'

const definitions: WireDefinitions = {
  entities: { card: { key: 'int64' } },
  sources: {
    taps: { type: 'push', schema: { card: 'int64', amount: 'int64' }, timestamp: 'tapped' },
    others: { type: 'push', schema: { card: 'int64' }, timestamp: 'tapped' },
    totals: {
      type: 'sql',
      sql: 'select card, sum(amount)::int64 as amount, min(tapped) as tapped, min(created) as created from taps group by card',
      timestamp: 'tapped',
      created: 'created',
    },
    doubled: {
      type: 'sql',
      sql: 'select card, amount * 2 as amount, tapped, created from totals',
      timestamp: 'tapped',
      created: 'created',
    },
  },
  views: { view: { entities: ['card'], source: 'doubled', features: { amount: 'int64' } } },
  on_demand: {},
  services: {},
}

// A query has no cutoff for its inputs. Where they were pushed to since, what it would have answered then cannot be told.
test('asOf names the inputs of a query that were pushed to since', async () => {
  await using t = await openEmbeddedStore()
  await t.store.apply(definitions)
  const first = t.clock.now()
  await t.store.push('taps', [{ card: 1, amount: 5, tapped: first }])
  t.clock.set(first + 1n)
  const notes = async (): Promise<readonly string[]> => {
    await using table = await t.store.snapshot('view', { at: first, asOf: first })
    return table.notes
  }
  await t.store.push('others', [{ card: 1, tapped: first }])
  expect(await notes()).toEqual([])
  await t.store.push('taps', [{ card: 1, amount: 7, tapped: first }])
  expect(await notes()).toEqual([expect.stringMatching(/pushed after asOf to taps, .* of doubled/)])
})
