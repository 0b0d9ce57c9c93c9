import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { WireDefinitions } from '../../src/define/definition.ts'
import { type StoreUnderTest, putThings, thingColumns } from '../../src/testing/store-bench.ts'
import { openEmbeddedStore } from '../support/embedded-store.ts'

const sum = 'select k, sum(v)::int64 as v, max("at") as "at", max(seen) as seen from'
const timed = { timestamp: 'at', created: 'seen' } as const
const definitions: WireDefinitions = {
  entities: { thing: { keys: { k: 'int64' } } },
  sources: {
    things: { type: 'parquet', path: 'things', ...timed },
    totals: { type: 'sql', sql: `${sum} things group by k`, ...timed },
    doubled: { type: 'sql', sql: 'select k, 2 * v as v, "at", seen from totals', ...timed },
    silent: { type: 'parquet', path: 'silent', timestamp: 'at' },
    careless: { type: 'sql', sql: `${sum} silent group by k`, ...timed },
  },
  views: {
    view: { entities: ['thing'], source: 'doubled', features: { v: 'int64' } },
    careless_view: { entities: ['thing'], source: 'careless', features: { v: 'int64' } },
  },
  on_demand: {},
  services: {},
}

const putSilent = (t: StoreUnderTest): Promise<void> =>
  t.put('silent', 'first', { columns: thingColumns, rows: [[1n, 0n, 0n, 1n, 1n]] })

// A query over all rows, whose result is cut, is not the query over the rows that were known: it has sums of what came later.
test('asOf over a query, also over another query, is the query over what was known of its inputs, files and pushes', async () => {
  const row = fc.record({
    k: fc.integer({ min: 0, max: 1 }),
    v: fc.integer({ min: 1, max: 9 }),
    seen: fc.option(fc.integer({ min: 0, max: 5 }), { freq: 5 }),
    pushed: fc.boolean(),
  })
  await using t = await openEmbeddedStore()
  const start = t.clock.now() - 100n
  let file = 0
  const rows: { k: number; v: number; at: bigint; seen: bigint | null }[] = []
  await putThings(t, 'first', [])
  await putSilent(t)
  await t.store.apply(definitions)
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 4 }), async (more) => {
      const added = more.map(({ k, v, seen }, i) => ({
        k,
        v,
        at: start - BigInt(rows.length + i),
        seen: seen === null ? null : start + BigInt(seen),
      }))
      rows.push(...added.filter((each, i) => more[i]?.pushed !== true || each.seen !== null))
      await putThings(
        t,
        `more-${file++}`,
        added.filter((_, i) => more[i]?.pushed !== true),
      )
      const pushed = added.filter(({ seen }, i) => more[i]?.pushed === true && seen !== null)
      if (pushed.length > 0) await t.store.push('things', pushed)
      for (const asOf of [start - 1n, start, start + 3n, start + 9n]) {
        const known = rows.filter(({ seen }) => seen !== null && seen <= asOf)
        const expected = [0, 1].flatMap((k) => {
          const mine = known.filter((each) => each.k === k)
          return mine.length === 0 ? [] : [{ k, v: 2 * mine.reduce((total, { v }) => total + v, 0) }]
        })
        await using table = await t.store.snapshot('view', { at: t.clock.now(), asOf })
        const found = await table.rows()
        expect(found.map(({ k, v }) => ({ k, v }))).toEqual(expected)
      }
    }),
    { numRuns: 8 },
  )
})

test('asOf is refused where an input of a query does not say when its rows became known; knownBy tells what it goes by', async () => {
  await using t = await openEmbeddedStore()
  const now = t.clock.now()
  await putThings(t, 'first', [{ k: 1, at: now - 9n, v: 5 }])
  await putSilent(t)
  await t.store.apply(definitions)
  const spine = [{ k: 1, event_timestamp: now }]
  const refused = {
    code: 'NO_CREATED_COLUMN',
    message: expect.stringContaining('silent, which the SQL of careless reads') as unknown,
  }
  await expect(t.store.historical('careless_view', spine, { asOf: now })).rejects.toMatchObject(refused)
  await expect(t.store.snapshot('careless_view', { at: now, asOf: now })).rejects.toMatchObject(refused)
  await using table = await t.store.historical('view', spine, { knownBy: 'spine' })
  expect(table.notes).toEqual([expect.stringMatching(/^The SQL of doubled is computed once .* its column seen says/)])
  expect(await table.rows()).toMatchObject([{ v: 10 }])
  await using plain = await t.store.historical('view', spine)
  expect(plain.notes).toEqual([])
})
