import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadDefinitions, openStore } from 'provender'
import type { TypedStore } from 'provender'
import { featureTypes } from './feature-file.ts'
import { featureTable } from './feature-table.ts'

/** A store over the feature table, as a user opens it, in a folder of its own. */
export interface TableStore {
  readonly store: TypedStore
  readonly dir: string
  readonly close: () => Promise<void>
}

const features = Object.entries(featureTypes).map(([name, type]) => `${name}: ${type}`)

/** Opens one with a view of all features. `places`: lines of provender.yaml that say where things are; `terms`: more of the view. */
export async function openTableStore(
  places: string,
  view: string,
  terms = '',
  table = featureTable,
): Promise<TableStore> {
  const dir = await mkdtemp(join(tmpdir(), 'provender-bench-'))
  await writeFile(
    join(dir, 'provender.yaml'),
    `${places}
entities: { thing: { key: { id: int64 } } }
sources: { things: { type: postgres, table: ${table}, timestamp: happened_at, created: learned_at } }
views: { ${view}: { entities: [thing], source: things, ${terms}features: { ${features.join(', ')} } } }
`,
  )
  const store = await openStore(dir)
  await store.apply(await loadDefinitions(dir))
  return {
    store,
    dir,
    close: async () => {
      await store[Symbol.asyncDispose]()
      await rm(dir, { recursive: true, force: true })
    },
  }
}
