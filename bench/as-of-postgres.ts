import { spineFile } from './data/feature-file.ts'
import { featureTable, fillFeatureTable } from './data/feature-table.ts'
import { postgresPlace } from './data/servers.ts'
import { countText } from './harness/report.ts'
import { type Measured, type Scenario, inTurn, sizeOf } from './harness/scenario.ts'
import { postgresCpuSeconds } from './harness/server-cpu.ts'
import { type Run, SideProcess } from './harness/side-process.ts'

const ours = new URL('./sides/as-of-postgres.ts', import.meta.url)
const baseline = new URL('./baselines/lateral.ts', import.meta.url)

export const scenario: Scenario = {
  about: (size) =>
    `${countText(sizeOf(size, 'spine'))} spine rows × ${countText(sizeOf(size, 'rows'))} rows of a table of PostgreSQL × 10 features, ttl 7 d`,
  full: { spine: 200_000, rows: 2_000_000, entities: 20_000 },
  quick: { spine: 20_000, rows: 200_000, entities: 2_000 },
  rounds: 5,
  figures: [
    { name: 'rows streamed, wall', unit: 's', goals: [{ of: 'ratio', atMost: 1.2 }] },
    { name: '→ Parquet, wall', unit: 's' },
    { name: 'rows streamed, CPU of PostgreSQL', unit: 's', goals: [{ of: 'ratio', atMost: 1.2 }] },
    { name: 'rows streamed, CPU of the process', unit: 's' },
    { name: '→ Parquet, peak memory of the process', unit: 'B' },
  ],
  async start(size) {
    const [rows, entities] = [sizeOf(size, 'rows'), sizeOf(size, 'entities')]
    const spine = await spineFile({ rows: sizeOf(size, 'spine'), entities })
    await using owned = new AsyncDisposableStack()
    const { url } = owned.use(await postgresPlace())
    await fillFeatureTable(url, { rows, entities, salt: 100 })
    const sides = {
      ours: owned.use(await SideProcess.start(ours, { input: { postgres: url, spine } })),
      baseline: owned.use(await SideProcess.start(baseline, { input: { url, spine, table: featureTable } })),
    }
    const kept = owned.move()
    for (const side of Object.values(sides)) await side.run()
    return { round: (turn) => round(sides, url, turn), [Symbol.asyncDispose]: () => kept.disposeAsync() }
  },
}

type Timed = Run & { readonly serverSeconds: number }

async function round(
  sides: { readonly ours: SideProcess; readonly baseline: SideProcess },
  url: string,
  turn: number,
): Promise<Record<string, Measured>> {
  const timed = async (side: SideProcess, argument: string): Promise<Timed> => {
    const before = await postgresCpuSeconds(url)
    const run = await side.run(argument)
    return { ...run, serverSeconds: (await postgresCpuSeconds(url)) - before }
  }
  const found = await inTurn(
    turn,
    async () => ({ streamed: await timed(sides.ours, 'batches'), parquet: await timed(sides.ours, 'parquet') }),
    () => timed(sides.baseline, 'lateral'),
  )
  const { streamed, parquet } = found.ours
  if (streamed.figures['rows'] !== found.baseline.figures['rows']) throw new Error('The sides differ')
  const seconds = (run: Run): number => run.figures['seconds'] ?? Number.NaN
  return {
    'rows streamed, wall': { ours: seconds(streamed), baseline: seconds(found.baseline) },
    '→ Parquet, wall': { ours: seconds(parquet), baseline: seconds(found.baseline) },
    'rows streamed, CPU of PostgreSQL': {
      ours: streamed.serverSeconds,
      baseline: found.baseline.serverSeconds,
    },
    'rows streamed, CPU of the process': { ours: streamed.cpuSeconds, baseline: found.baseline.cpuSeconds },
    '→ Parquet, peak memory of the process': { ours: parquet.rssBytes },
  }
}
