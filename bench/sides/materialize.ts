import { mkdtemp, rm, symlink, mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadDefinitions, openStore } from 'provender'
import { featureTypes, firstDay } from '../data/feature-file.ts'

/** Materializes a view over a file into LMDB; each run reads everything again, into the rows of the run before it. */
export async function open(input: unknown): Promise<{
  run(): Promise<Record<string, number>>
  close(): Promise<void>
}> {
  const { file } = input as { readonly file: string }
  const dir = await mkdtemp(join(tmpdir(), 'provender-bench-'))
  await mkdir(join(dir, 'data'))
  await symlink(file, join(dir, 'data', 'things.parquet'))
  await writeFile(join(dir, 'provender.yaml'), yaml)
  const store = await openStore(dir)
  await store.apply(await loadDefinitions(dir))
  return {
    run: async () => {
      const startedMs = performance.now()
      const [run] = await store.materialize('things_now', { start: new Date(firstDay) })
      if (run?.state !== 'succeeded' || run.written !== run.rows)
        throw new Error('Every row of a fresh reading is written')
      return { entities: run.written, seconds: (performance.now() - startedMs) / 1000 }
    },
    close: async () => {
      await store[Symbol.asyncDispose]()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

const features = Object.entries(featureTypes).map(([name, type]) => `${name}: ${type}`)
const yaml = `project: bench
entities: { thing: { key: { id: int64 } } }
sources: { things: { type: parquet, path: data/things.parquet, timestamp: happened_at, created: learned_at } }
views: { things_now: { entities: [thing], source: things, features: { ${features.join(', ')} } } }
`
