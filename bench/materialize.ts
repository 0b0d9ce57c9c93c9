// npm run bench -- materialize [ROWS] [ENTITIES]: one Parquet file of ten features, materialized into LMDB, then read.
import { DuckDBInstance } from '@duckdb/node-api'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadDefinitions, openStore } from 'provender'

const rows = Number(process.argv[2] ?? 2_000_000)
const entities = Number(process.argv[3] ?? 200_000)
const lookups = 20_000
const rounds = 3

const yaml = `project: bench
entities: { thing: { key: { id: int64 } } }
sources: { things: { type: parquet, path: data/things.parquet, timestamp: happened_at, created: learned_at } }
views:
  things_now:
    entities: [thing]
    source: things
    features: { d0: float64, d1: float64, d2: float64, d3: float64, d4: float64, i0: int64, i1: int64, i2: int64, s: string, b: bool }
`
const instant = `TIMESTAMP '2026-01-01' + to_microseconds((random() * 90 * 86400e6)::BIGINT)`
const columns = [
  `(random() * ${entities - 1})::BIGINT AS id`,
  `${instant} AS happened_at`,
  `${instant} AS learned_at`,
  ...[0, 1, 2, 3, 4].map((i) => `random() AS d${i}`),
  ...[0, 1, 2].map((i) => `(random() * 1e9)::BIGINT AS i${i}`),
  `'v' || (random() * 1000)::INT AS s`,
  `random() > 0.5 AS b`,
]

const dir = await mkdtemp(join(tmpdir(), 'provender-bench-'))
try {
  await mkdir(join(dir, 'data'))
  await writeFile(join(dir, 'provender.yaml'), yaml)
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run(
    `COPY (SELECT ${columns.join(', ')} FROM range(${rows}) ORDER BY happened_at) TO '${dir}/data/things.parquet' (COMPRESSION zstd)`,
  )
  connection.closeSync()
  instance.closeSync()
  await measure()
} finally {
  await rm(dir, { recursive: true, force: true })
}

async function measure(): Promise<void> {
  await using store = await openStore(dir)
  await store.apply(await loadDefinitions(dir))
  const seconds: number[] = []
  for (let round = 0; round < rounds; round++) {
    const startMs = performance.now()
    const [run] = await store.materialize('things_now', { start: new Date('2026-01-01') })
    seconds.push((performance.now() - startMs) / 1000)
    if (run?.written !== run?.rows) throw new Error('Every row of a fresh reading is written')
  }
  spread(
    'materialize',
    seconds.map((s) => (rows / s) * (60 / 1e6)),
    'M rows/min',
  )
  const ids = Array.from({ length: lookups }, (_, i) => (i * 7919) % entities)
  spread(
    'single lookup',
    await times(async () => {
      for (const id of ids) await store.online('things_now', [{ id }])
    }, lookups),
    'µs',
  )
  spread(
    'batch of 100',
    await times(async () => {
      for (let i = 0; i < lookups; i += 100)
        await store.online(
          'things_now',
          ids.slice(i, i + 100).map((id) => ({ id })),
        )
    }, lookups / 100),
    'µs',
  )
}

/** Microseconds per call of each round, the first left out as warm-up. */
async function times(work: () => Promise<void>, calls: number): Promise<number[]> {
  const micros: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const startMs = performance.now()
    await work()
    if (round > 0) micros.push(((performance.now() - startMs) * 1000) / calls)
  }
  return micros
}

function spread(what: string, values: number[], unit: string): void {
  const sorted = values.toSorted((a, b) => a - b).map((v) => v.toFixed(1))
  console.log(`${what.padEnd(16)} ${sorted[Math.floor(sorted.length / 2)]} ${unit} (${sorted[0]}–${sorted.at(-1)})`)
}
