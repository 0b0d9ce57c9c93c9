import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { loadDefinitions, openStore } from 'provender'
import { dataFile } from '../harness/data-file.ts'
import { featureTypes } from './feature-file.ts'

/** The view that is served, and its one join key. */
export const servedView = 'things_now'
export const servedKey = 'id'

/** To be raised when what lies in the folder changes: folders of before are then made anew. */
const layout = 1

/** A repository whose online store holds one row of ten features (5 float64, 3 int64, a string, a bool) for each of so many entities, 0 and up. */
export function onlineStore(entities: number): Promise<string> {
  return dataFile(`online-${layout}-${entities}`, (dir) => fillStore(dir, entities, `project: bench\n`))
}

/** Makes such a repository. `places`: its project, and where its stores are if they are not in the folder, as lines of YAML. */
export async function fillStore(dir: string, entities: number, places: string): Promise<void> {
  await mkdir(join(dir, 'data'), { recursive: true })
  await writeFile(join(dir, 'provender.yaml'), `${places}${definitions}`)
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: '2GB' })
  const connection = await instance.connect()
  await connection.run(
    `COPY (SELECT ${columns.join(', ')} FROM range(${entities}) AS r(n)) TO '${join(dir, 'data', 'things.parquet')}'`,
  )
  connection.closeSync()
  instance.closeSync()
  await using store = await openStore(dir)
  await store.apply(await loadDefinitions(dir))
  const [run] = await store.materialize(servedView)
  if (run?.written !== entities) throw new Error('Every entity has a row')
}

const random = (salt: number): string => `((hash(n, ${salt}) % 9007199254740992)::DOUBLE / 9007199254740992)`

const columns = [
  'n AS id',
  "TIMESTAMP '2026-01-01' + to_seconds(n % 7776000) AS happened_at",
  ...[0, 1, 2, 3, 4].map((i) => `${random(i)} AS d${i}`),
  ...[0, 1, 2].map((i) => `(${random(10 + i)} * 1e9)::BIGINT AS i${i}`),
  `'v' || (${random(20)} * 1000)::INT AS s`,
  `${random(21)} > 0.5 AS b`,
]
const features = Object.entries(featureTypes).map(([name, type]) => `${name}: ${type}`)
const definitions = `entities: { thing: { key: { ${servedKey}: int64 } } }
sources: { things: { type: parquet, path: data/things.parquet, timestamp: happened_at } }
views: { ${servedView}: { entities: [thing], source: things, ttl: 36500d, features: { ${features.join(', ')} } } }
`
