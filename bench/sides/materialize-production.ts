import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadDefinitions, openStore } from 'provender'
import { featureTypes, firstDay } from '../data/feature-file.ts'
import { featureTable } from '../data/feature-table.ts'

/** Materializes a view over a table of PostgreSQL into Redis, for the first time. (Metadata lie in the folder, so that each process begins anew.) */
export async function open(input: unknown): Promise<{
  run(): Promise<Record<string, number>>
  close(): Promise<void>
}> {
  const { postgres, redis, project } = input as {
    readonly postgres: string
    readonly redis: string
    readonly project: string
  }
  const dir = await mkdtemp(join(tmpdir(), 'provender-bench-'))
  const places = `project: ${project}\noffline: ${postgres}\nonline: ${redis}\n`
  await writeFile(join(dir, 'provender.yaml'), `${places}${definitions}`)
  const store = await openStore(dir)
  await store.apply(await loadDefinitions(dir))
  return {
    run: async () => {
      const startedMs = performance.now()
      const [run] = await store.materialize('things_now', { start: new Date(firstDay) })
      if (run?.state !== 'succeeded' || run.written !== run.rows)
        throw new Error(`Every row of a fresh reading is written, but: ${JSON.stringify(run)}`)
      return { entities: run.written, seconds: (performance.now() - startedMs) / 1000 }
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
views: { things_now: { entities: [thing], source: things, features: { ${features.join(', ')} } } }
`
