import { copyFile, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import { openEngines } from '../../src/compose/engines.ts'
import type { FileSourceDef } from '../../src/define/definition.ts'
import { manualClock } from '../../src/kernel/clock.ts'
import { thingColumns } from '../../src/testing/store-bench.ts'
import { embeddedConfig } from '../support/config.ts'
import { parquetSql } from '../support/duckdb-bench.ts'
import { epoch } from '../support/memory-store.ts'

// Found by a long simulation: compaction replaces files of a folder whenever it likes, also between the look at the folder and
// the look into a file. That is no fault of the source.
test('a file that is compacted away while the schemas of its folder are read stops nothing', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'provender-compacted-'))
  const config = embeddedConfig(dir)
  const database = await DuckDBInstance.create(':memory:')
  const connection = await database.connect()
  const file = (name: string): string => join(dir, 'things', `${name}.parquet`)
  await mkdir(join(dir, 'things'))
  await connection.run(parquetSql({ columns: thingColumns, rows: [[1n, epoch, null, 1n, 1n]] }, file('0')))
  const engines = await openEngines(config, manualClock(epoch))
  let ended = false
  const compacting = (async () => {
    for (let i = 0; !ended; i++) {
      await copyFile(file(String(i)), join(dir, 'aside'))
      await rename(join(dir, 'aside'), file(String(i + 1)))
      await rm(file(String(i)))
      await setTimeout(20)
    }
  })()
  try {
    const source: FileSourceDef = {
      kind: 'source',
      name: 's',
      type: 'parquet',
      path: 'things/*.parquet',
      timestamp: 'at',
    }
    for (let i = 0; i < 200; i++) {
      const [facts] = await engines.offline.describe([source], new Map([[source.name, source]]))
      expect(facts?.columns.map(({ name }) => name)).toEqual(thingColumns.map(({ name }) => name))
    }
  } finally {
    ended = true
    await compacting
    connection.closeSync()
    database.closeSync()
    await rm(dir, { recursive: true, force: true })
  }
})
