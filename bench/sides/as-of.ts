import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadDefinitions, openStore } from 'provender'
import { featureTypes } from '../data/feature-file.ts'

/** Training sets over one view per file, written as Parquet or read as batches, as `run` is told. The store is as a user opens it. */
export async function open(input: unknown): Promise<{
  run(argument: unknown): Promise<Record<string, number>>
  close(): Promise<void>
}> {
  const { files, spine } = input as { readonly files: readonly string[]; readonly spine: string }
  const dir = await mkdtemp(join(tmpdir(), 'provender-bench-'))
  await mkdir(join(dir, 'data'))
  for (const [i, file] of files.entries()) await symlink(file, join(dir, 'data', `f${i}.parquet`))
  await writeFile(join(dir, 'provender.yaml'), yamlOf(files.length))
  const store = await openStore(dir)
  await store.apply(await loadDefinitions(dir))
  const references = files.map((_, i) => `v${i}`)
  return {
    run: async (argument) => {
      const table = await store.historical(references, { parquet: spine }, { timestamp: 'at', fullNames: true })
      if (argument === 'parquet') return { rows: await table.toParquet(join(dir, 'out.parquet')) }
      let rows = 0
      for await (const batch of table.batches()) rows += batch.rows
      return { rows }
    },
    close: async () => {
      await store[Symbol.asyncDispose]()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

function yamlOf(views: number): string {
  const features = Object.entries(featureTypes).map(([name, type]) => `${name}: ${type}`)
  const each = Array.from({ length: views }, (_, i) => i)
  return `project: bench
entities: { thing: { key: { id: int64 } } }
sources:
${each.map((i) => `  f${i}: { type: parquet, path: data/f${i}.parquet, timestamp: happened_at, created: learned_at }`).join('\n')}
views:
${each.map((i) => `  v${i}: { entities: [thing], source: f${i}, ttl: 7d, features: { ${features.join(', ')} } }`).join('\n')}
`
}
