import { expect, test } from 'vitest'
import type { WireDefinitions } from '../../src/define/definition.ts'
import { formatInstant } from '../../src/values/instant.ts'
import { type ProductionStore, openProductionStore } from '../support/production-store.ts'

const orders = `create table orders (customer bigint, ordered_at timestamptz, written_at timestamptz, amount double precision, note varchar(20), "day" date)`

const definitions = (view: object = {}): WireDefinitions => ({
  entities: { customer: { keys: { customer: 'int64' } } },
  sources: { orders: { type: 'postgres', table: 'orders', timestamp: 'ordered_at', created: 'written_at' } },
  views: {
    last_order: {
      entities: ['customer'],
      source: 'orders',
      features: { amount: 'float64', note: 'string', day: 'timestamp' },
      ...view,
    },
  },
  on_demand: {},
  services: {},
})

const second = 1_000_000n

/** Inserts an order that happened, and was written, so many seconds ago. */
async function order(
  t: ProductionStore,
  customer: number,
  ago: { event: number; written?: number },
  amount: number,
): Promise<void> {
  const at = (seconds: number): string => formatInstant(t.clock.now() - BigInt(seconds) * second)
  await t.sql(
    `insert into orders values (${customer}, '${at(ago.event)}', '${at(ago.written ?? ago.event)}', ${amount}, 'n${amount}', '2026-01-02')`,
  )
}

const amounts = async (t: ProductionStore): Promise<unknown[]> =>
  (await t.store.online('last_order', [{ customer: 1 }, { customer: 2 }])).map((row) => row['amount'])

test('a table of somebody else is read in place, and what came late is found by its created time', async () => {
  await using t = await openProductionStore()
  await t.sql(orders)
  await t.store.apply(definitions())
  await order(t, 1, { event: 100 }, 10)
  await order(t, 2, { event: 90 }, 20)
  await order(t, 2, { event: 80 }, 21)
  await t.store.materialize()
  expect(await amounts(t)).toEqual([10, 21])
  t.clock.set(t.clock.now() + 600n * second)
  // It happened within what is covered, and was written since.
  await order(t, 1, { event: 690, written: 5 }, 11)
  await order(t, 2, { event: 3 }, 22)
  const [run] = await t.store.materialize()
  expect(run?.notes).toEqual([])
  expect(await amounts(t)).toEqual([11, 22])
  const spine = { rows: [{ customer: 2, event_timestamp: new Date(Number((t.clock.now() - 660n * second) / 1000n)) }] }
  await using table = await t.store.historical('last_order', spine)
  expect(await table.rows()).toMatchObject([{ customer: 2, amount: 21, note: 'n21', day: new Date('2026-01-02') }])
})

test('a row that was corrected or deleted in place is seen by a repair alone', async () => {
  await using t = await openProductionStore()
  await t.sql(orders)
  await t.store.apply(definitions())
  await order(t, 1, { event: 100 }, 10)
  await order(t, 2, { event: 900 }, 19)
  await order(t, 2, { event: 90 }, 20)
  await t.store.materialize()
  t.clock.set(t.clock.now() + 600n * second)
  await t.sql(`update orders set amount = 12 where customer = 1; delete from orders where amount = 20`)
  await t.store.materialize()
  expect(await amounts(t)).toEqual([10, 20])
  await t.store.materialize(undefined, { repair: true })
  expect(await amounts(t)).toEqual([12, 19])
})

test('without a created time, late rows are found as far back as the view says', async () => {
  await using t = await openProductionStore()
  await t.sql(orders)
  const { sources, ...rest } = definitions({ lateness: '1h' })
  await t.store.apply({
    ...rest,
    sources: { orders: { type: 'postgres', query: 'select * from orders', timestamp: 'ordered_at' } },
  })
  expect(sources).toBeDefined()
  await order(t, 1, { event: 7200 }, 10)
  await order(t, 2, { event: 7200 }, 20)
  await t.store.materialize()
  t.clock.set(t.clock.now() + 60n * second)
  await order(t, 1, { event: 1800 }, 11)
  await order(t, 2, { event: 7000 }, 21)
  await t.store.materialize()
  expect(await amounts(t)).toEqual([11, 20])
})
