import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import { openEngines } from '../../src/compose/engines.ts'
import { composeStore } from '../../src/compose/store.ts'
import { manualClock } from '../../src/kernel/clock.ts'
import { thingColumns, things } from '../../src/testing/store-bench.ts'
import { embeddedConfig } from '../support/config.ts'
import { parquetSql } from '../support/duckdb-bench.ts'
import { epoch } from '../support/memory-store.ts'

// DuckDB opens files late. One that is replaced after it was listed is read as it is then, and that is noticed; but not by
// who has been given the first rows already.
test('nothing is served of a file that was replaced between the look at it and its reading', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'provender-replaced-'))
  const config = embeddedConfig(dir)
  const clock = manualClock(epoch)
  const database = await DuckDBInstance.create(':memory:')
  const connection = await database.connect()
  const put = async (v: bigint): Promise<void> => {
    await connection.run(parquetSql({ columns: thingColumns, rows: [[1n, epoch, null, v, v]] }, join(dir, 'aside')))
    await rename(join(dir, 'aside'), join(dir, 'things', 'a.parquet'))
  }
  await mkdir(join(dir, 'things'))
  await put(1n)
  const engines = await openEngines(config, clock)
  let replace = false
  const offline: typeof engines.offline = {
    ...engines.offline,
    async query(...asked) {
      const result = await engines.offline.query(...asked)
      if (replace) await put(2n)
      return result
    },
  }
  try {
    await using store = composeStore(config, { ...engines, offline }, { clock, waits: { switchMs: -1 } })
    await store.apply(things())
    await store.materialize('view')
    replace = true
    await expect(store.materialize('view', { start: epoch - 1n })).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
    expect((await store.online('view', [{ k: 1 }])).exact).toEqual([[1n]])
    replace = false
    await store.materialize('view')
    expect((await store.online('view', [{ k: 1 }])).exact).toEqual([[2n]])
  } finally {
    connection.closeSync()
    database.closeSync()
    await rm(dir, { recursive: true, force: true })
  }
})
