import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { offlineLaws } from 'provender/testing'
import { openBench, parquetSql } from '../support/duckdb-bench.ts'

describe('the offline store on DuckDB', () => {
  for (const { law, run } of offlineLaws) {
    test(law, async () => {
      await run({
        open: async () => {
          const bench = await openBench()
          return {
            offline: bench.offline,
            log: bench.log,
            put: async (source, files) => {
              const folder = join(bench.dir, source)
              await rm(folder, { recursive: true, force: true })
              await mkdir(folder, { recursive: true })
              for (const [i, file] of files.entries()) await bench.sql(parquetSql(file, join(folder, `${i}.parquet`)))
              return source
            },
            [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose](),
          }
        },
      })
    })
  }
})
