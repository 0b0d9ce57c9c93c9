import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadDefinitions, openStore } from 'provender'
import { featureTypes } from '../data/feature-file.ts'
import { featureTable } from '../data/feature-table.ts'

/** Training sets over a table of PostgreSQL, written as Parquet or read as batches, as `run` is told. The store is as a user opens it. */
export async function open(input: unknown): Promise<{
  run(argument: unknown): Promise<Record<string, number>>
  close(): Promise<void>
}> {
  const { postgres, spine } = input as { readonly postgres: string; readonly spine: string }
  const dir = await mkdtemp(join(tmpdir(), 'provender-bench-'))
  await writeFile(join(dir, 'provender.yaml'), `project: bench\noffline: ${postgres}\n${definitions}`)
  const store = await openStore(dir)
  await store.apply(await loadDefinitions(dir))
  return {
    run: async (argument) => {
      const startedMs = performance.now()
      const table = await store.historical(['v0'], { parquet: spine }, { timestamp: 'at', fullNames: true })
      let rows = 0
      if (argument === 'parquet') rows = await table.toParquet(join(dir, 'out.parquet'))
      else for await (const batch of table.batches()) rows += batch.rows
      return { rows, seconds: (performance.now() - startedMs) / 1000 }
    },
    close: async () => {
      await store[Symbol.asyncDispose]()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

const features = Object.entries(featureTypes).map(([name, type]) => `${name}: ${type}`)
const definitions = `entities: { thing: { key: { id: int64 } } }
sources: { things: { type: postgres, table: ${featureTable}, timestamp: happened_at, created: learned_at } }
views: { v0: { entities: [thing], source: things, ttl: 7d, features: { ${features.join(', ')} } } }
`
