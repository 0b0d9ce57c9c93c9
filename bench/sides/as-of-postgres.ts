import { join } from 'node:path'
import { distinctTable, featureTable } from '../data/feature-table.ts'
import { openTableStore } from '../data/table-store.ts'

/** Training sets over tables of PostgreSQL, written as Parquet or read as batches, as `run` is told. The stores are as a user opens them. */
export async function open(input: unknown): Promise<{
  run(argument: unknown): Promise<Record<string, number>>
  close(): Promise<void>
}> {
  const { postgres, spine } = input as { readonly postgres: string; readonly spine: string }
  const opened = (table: string): ReturnType<typeof openTableStore> =>
    openTableStore(`project: bench\noffline: ${postgres}`, 'v0', 'ttl: 7d, ', table)
  const things = await opened(featureTable)
  const distinct = await opened(distinctTable)
  return {
    run: async (argument) => {
      const { store, dir } = argument === 'distinct' ? distinct : things
      const startedMs = performance.now()
      const table = await store.historical(['v0'], { parquet: spine }, { timestamp: 'at', fullNames: true })
      let rows = 0
      if (argument === 'parquet') rows = await table.toParquet(join(dir, 'out.parquet'))
      else for await (const batch of table.batches()) rows += batch.rows
      return { rows, seconds: (performance.now() - startedMs) / 1000 }
    },
    close: async () => {
      await things.close()
      await distinct.close()
    },
  }
}
