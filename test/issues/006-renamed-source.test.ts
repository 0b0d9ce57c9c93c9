import { expect, test } from 'vitest'
import type { WireDefinitions } from '../../src/define/definition.ts'
import { putThings, things } from '../../src/testing/store-bench.ts'
import { openEmbeddedStore } from '../support/embedded-store.ts'

// Rows are pushed to a source by its name. Under another name the same files are a source without them.
test('a view over another source of the same files serves none of the rows pushed to the first one', async () => {
  await using t = await openEmbeddedStore()
  const before = things()
  const { things: source } = before.sources
  const after = { ...before, sources: { others: source }, views: things({ source: 'others' }).views }
  await putThings(t, 'first', [{ k: 1, at: t.clock.now() - 10n, v: 1 }])
  await t.store.apply(before)
  await t.store.push('things', [{ k: 1, at: t.clock.now(), v: 2, w: 3 }])
  await t.store.materialize('view')
  expect((await t.store.online('view', [{ k: 1 }])).exact).toEqual([[2n]])
  t.clock.set(t.clock.now() + 1n)
  await t.store.apply(after, { allowBreaking: true })
  await t.store.materialize('view')
  const remembered = await (await t.store.snapshot('view', { at: t.clock.now() })).rows()
  expect(remembered).toMatchObject([{ k: 1, v: 1 }])
  expect((await t.store.online('view', [{ k: 1 }])).exact).toEqual([[1n]])
})

// SQL sees pushed rows in the types of the source's schema: under other types a row may read as null, or compare otherwise.
test('a query over pushed rows means something else when their schema has other types', async () => {
  await using t = await openEmbeddedStore()
  const over = (amount: string): WireDefinitions => ({
    entities: { card: { key: 'int64' } },
    sources: {
      taps: { type: 'push', schema: { card: 'int64', amount }, timestamp: 'tapped' },
      largest: {
        type: 'sql',
        sql: 'select card, max(amount)::int64 as amount, max(tapped) as tapped from taps group by card',
        timestamp: 'tapped',
      },
    },
    views: { view: { entities: ['card'], source: 'largest', features: { amount: 'int64' } } },
    on_demand: {},
    services: {},
  })
  await t.store.apply(over('int64'))
  await t.store.push('taps', [
    { card: 1, amount: 9, tapped: t.clock.now() },
    { card: 1, amount: 10, tapped: t.clock.now() },
  ])
  await t.store.materialize('view')
  t.clock.set(t.clock.now() + 1n)
  await t.store.apply(over('string'), { allowBreaking: true })
  await t.store.materialize('view')
  const [remembered] = await (await t.store.snapshot('view', { at: t.clock.now() })).rows()
  expect((await t.store.online('view', [{ card: 1 }]))[0]?.['amount']).toEqual(remembered?.['amount'])
})
