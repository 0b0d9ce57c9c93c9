import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoreUnderTest } from 'provender/testing'
import { expect, test } from 'vitest'
import { openEngines } from '../../src/compose/engines.ts'
import { composeStore } from '../../src/compose/store.ts'
import type { Store } from '../../src/contract/store.ts'
import type { WireDefinitions } from '../../src/define/definition.ts'
import { openEmbeddedStore } from '../support/embedded-store.ts'
import { openProductionStore } from '../support/production-store.ts'

const csv = `k,at,seen,n,i,x,f,b,s,t,raw,list,v
1,2026-01-01T00:00:00Z,,9007199254740991,-5,0.1,0.1,true,"a,""b""",2025-12-31 23:00,AAEC,"[1, null, 3]","[0.5,2]"
1,2026-01-02T00:00:00.000001Z,,1e3,5.0,NaN,-Infinity,false,,2026-01-01,,[],
-2,2026-01-01T12:00:00+01:00,2026-01-03T00:00:00Z,,,-0,3.4e38,,ø,,/w==,,"[-0,1e-3]"
`
const features = {
  n: 'int64',
  i: 'int32',
  x: 'float64',
  f: 'float32',
  b: 'bool',
  s: 'string',
  t: 'timestamp',
  raw: 'bytes',
  list: 'list<int64>',
  v: 'vector<2>',
}

const definitions = (path: string, views: object = {}): WireDefinitions => ({
  entities: { thing: { keys: { k: 'int64' } } },
  sources: { cells: { type: 'csv', path, timestamp: 'at', created: 'seen' } },
  views: { read: { entities: ['thing'], source: 'cells', features }, ...views } as WireDefinitions['views'],
  on_demand: {},
  services: {},
})

const at = (day: number): Date => new Date(Date.UTC(2026, 0, day, 1))
const spine = {
  rows: [1, -2, 3].flatMap((k) => [1, 2, 3].map((day) => ({ k, event_timestamp: at(day) }))),
}

async function answers({ store }: StoreUnderTest): Promise<unknown> {
  await store.materialize()
  await using table = await store.historical('read', spine)
  const { exact } = await store.online('read', [{ k: 1 }, { k: -2 }, { k: 3 }])
  return { trained: await table.rows(), exact }
}

test('cells of CSV are read as the types of views, on PostgreSQL as in place', { timeout: 60_000 }, async () => {
  await using production = await openProductionStore()
  await using embedded = await openEmbeddedStore()
  const path = join(production.config.dir, 'cells.csv')
  await writeFile(path, csv)
  for (const { store, clock } of [production, embedded]) {
    clock.set(BigInt(at(5).getTime()) * 1000n)
    await store.apply(definitions(path))
  }
  const expected = await answers(embedded)
  expect(expected).toMatchObject({
    exact: [[1000n, 5, NaN, -Infinity, false], [null, null, -0], [null]].map(
      (some) => expect.arrayContaining(some) as unknown,
    ),
  })
  expect(await answers(production)).toEqual(expected)
  // The same column as another type: known to who loads, not by what was loaded before.
  const more = definitions(path, {
    again: {
      entities: ['thing'],
      source: 'cells',
      features: { as_text: { type: 'string', column: 'n' }, at: 'string' },
    },
  })
  const plain: Store = composeStore(production.config, await openEngines(production.config, production.clock), {
    clock: production.clock,
    waits: { switchMs: -1, pollMs: 10 },
  })
  await using _ = plain
  for (const { store } of [embedded, { store: plain }]) await store.apply(more)
  await expect(plain.historical('again', spine)).rejects.toMatchObject({
    code: 'SOURCE_CHANGED',
    remedy: 'Run provender load cells, then try again.',
  })
  expect((await plain.load()).sources).toEqual([{ source: 'cells', rows: 3, skipped: 0 }])
  expect((await plain.load()).sources).toEqual([{ source: 'cells', rows: 0, skipped: 3 }])
  const texts = async (store: Store): Promise<unknown> => {
    await using table = await store.historical('again', spine)
    return await table.rows()
  }
  const before = await texts(plain)
  expect(before).toEqual(await texts(embedded.store))
  // What does not fit is named, and what was loaded before stays.
  await writeFile(path, csv.replace('1e3', '1.5'))
  await expect(plain.load()).rejects.toMatchObject({
    code: 'BAD_VALUE',
    at: expect.stringContaining('cells.csv:3') as string,
  })
  expect(await texts(plain)).toEqual(before)
})
