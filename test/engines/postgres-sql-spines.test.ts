import { expect, test } from 'vitest'
import { openPostgresOffline } from '../../src/engines/postgres/offline.ts'
import type { AsOf } from '../../src/query/relation.ts'
import { columnsOf, openBench } from '../support/duckdb-bench.ts'
import { newSchema } from '../support/postgres-schema.ts'

/** The rows of a SQL spine, with nothing joined to them. */
async function spineOf(sql: string): Promise<Record<string, unknown>> {
  await using bench = await openBench()
  await using offline = openPostgresOffline({ url: await newSchema(), replicas: [], local: bench.offline })
  const left = { kind: 'input', name: 'spine', uses: [{ name: 'at', type: 'timestamp' }] } as const
  const plan: AsOf = { kind: 'asOf', left, at: 'at', joins: [] }
  return await columnsOf(await offline.query({ plan, inputs: new Map([['spine', { kind: 'sql', sql, inputs: [] }]]) }))
}

test.for([`timestamptz 'infinity'`, `timestamp '-infinity'`, `date 'infinity'`, `timestamptz '0005-01-01 BC'`])(
  'a row of a SQL spine at %s has no timestamp',
  async (instant) => {
    await expect(spineOf(`select ${instant} as at`)).rejects.toMatchObject({ code: 'MISSING_TIMESTAMP' })
  },
)

test('other instants of a SQL spine that are none of ours are null', async () => {
  const others = `date '-infinity' as day, array[timestamptz 'infinity', timestamptz '1970-01-01 00:00:01+00'] as list`
  expect(await spineOf(`select date '1970-01-02' as at, timestamp 'infinity' as moment, ${others}`)).toEqual({
    at: [86_400_000_000n],
    moment: [null],
    day: [null],
    list: [[null, 1_000_000n]],
  })
})
