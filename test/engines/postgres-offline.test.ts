import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { offlineLaws } from 'provender/testing'
import type { FileSourceDef } from '../../src/define/definition.ts'
import { openPostgresOffline } from '../../src/engines/postgres/offline.ts'
import { openPostgresPushLog } from '../../src/engines/postgres/push-log.ts'
import { openBench, parquetSql } from '../support/duckdb-bench.ts'
import { newSchema } from '../support/postgres-schema.ts'

for (const place of ['the primary', 'a replica'] as const) {
  describe(`the offline store in PostgreSQL, reading from ${place}`, () => {
    for (const { law, run } of offlineLaws) {
      test(law, async () => {
        const url = await newSchema()
        const replica = `${inject('services').replica}${new URL(url).search}`
        await run({
          open: async () => {
            const bench = await openBench()
            const log = openPostgresPushLog(url)
            const replicas = place === 'a replica' ? [replica] : []
            const offline = openPostgresOffline({ url, replicas, local: bench.offline })
            return {
              offline,
              log,
              put: async (source, files) => {
                const folder = join(bench.dir, source)
                await rm(folder, { recursive: true, force: true })
                await mkdir(folder, { recursive: true })
                for (const [i, file] of files.entries()) await bench.sql(parquetSql(file, join(folder, `${i}.parquet`)))
                const definition: FileSourceDef = {
                  kind: 'source',
                  name: source,
                  type: 'parquet',
                  path: source,
                  timestamp: 'at',
                }
                const named = (column: string) => ({ column, type: 'int64' as const })
                await offline.load(definition, { columns: [], keys: [[named('k')], [named('a'), named('b')]] })
                return source
              },
              async [Symbol.asyncDispose]() {
                await offline[Symbol.asyncDispose]()
                await log[Symbol.asyncDispose]()
                await bench[Symbol.asyncDispose]()
              },
            }
          },
        })
      })
    }
  })
}

test('closing the store ends a query whose rows nobody reads', async () => {
  const url = await newSchema()
  await using bench = await openBench()
  const offline = openPostgresOffline({ url, replicas: [], local: bench.offline })
  const sql = 'select n as k, now() as at from generate_series(1, 3000000) as s(n)'
  const source = { kind: 'source', name: 'many', type: 'postgres', query: sql, timestamp: 'at' } as const
  const take = [{ column: 'k', as: 'k', type: 'int64' as const }]
  const result = await offline.query({ plan: { kind: 'source', source, take } })
  const batches = result.batches()[Symbol.asyncIterator]()
  expect((await batches.next()).done).toBe(false)
  await offline[Symbol.asyncDispose]()
  await expect(
    (async () => {
      while ((await batches.next()).done !== true);
    })(),
  ).rejects.toMatchObject({ code: 'CLOSED' })
})
