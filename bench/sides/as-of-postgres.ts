import { join } from 'node:path'
import { openTableStore } from '../data/table-store.ts'

/** Training sets over a table of PostgreSQL, written as Parquet or read as batches, as `run` is told. The store is as a user opens it. */
export async function open(input: unknown): Promise<{
  run(argument: unknown): Promise<Record<string, number>>
  close(): Promise<void>
}> {
  const { postgres, spine } = input as { readonly postgres: string; readonly spine: string }
  const { store, dir, close } = await openTableStore(`project: bench\noffline: ${postgres}`, 'v0', 'ttl: 7d, ')
  return {
    run: async (argument) => {
      const startedMs = performance.now()
      const table = await store.historical(['v0'], { parquet: spine }, { timestamp: 'at', fullNames: true })
      let rows = 0
      if (argument === 'parquet') rows = await table.toParquet(join(dir, 'out.parquet'))
      else for await (const batch of table.batches()) rows += batch.rows
      return { rows, seconds: (performance.now() - startedMs) / 1000 }
    },
    close,
  }
}
