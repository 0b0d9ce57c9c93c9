import { spineFile } from './data/feature-file.ts'
import { fillDistinctTable, fillFeatureTable } from './data/feature-table.ts'
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
    { name: 'wall, against the whole order by hand', unit: 's', goals: [{ of: 'ratio', atMost: 1.2 }] },
    { name: 'CPU of PostgreSQL, against the whole order by hand', unit: 's', goals: [{ of: 'ratio', atMost: 1.2 }] },
    { name: 'wall, against who relies on distinct rows', unit: 's' },
    { name: 'CPU of PostgreSQL, against who relies on distinct rows', unit: 's' },
    { name: 'a unique index, wall', unit: 's', goals: [{ of: 'ratio', atMost: 1.2 }] },
    { name: 'a unique index, CPU of PostgreSQL', unit: 's', goals: [{ of: 'ratio', atMost: 1.2 }] },
    { name: 'CPU of the process', unit: 's' },
    { name: '→ Parquet, wall', unit: 's' },
    { name: '→ Parquet, peak memory of the process', unit: 'B' },
  ],
  async start(size) {
    const [rows, entities] = [sizeOf(size, 'rows'), sizeOf(size, 'entities')]
    const spine = await spineFile({ rows: sizeOf(size, 'spine'), entities })
    await using owned = new AsyncDisposableStack()
    const { url } = owned.use(await postgresPlace())
    await fillFeatureTable(url, { rows, entities, salt: 100 })
    await fillDistinctTable(url)
    const sides = {
      ours: owned.use(await SideProcess.start(ours, { input: { postgres: url, spine } })),
      baseline: owned.use(await SideProcess.start(baseline, { input: { url, spine } })),
    }
    const kept = owned.move()
    for (const argument of ['batches', 'distinct', 'parquet']) await sides.ours.run(argument)
    for (const argument of ['whole', 'relying', 'distinct']) await sides.baseline.run(argument)
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
  const { ours: mine, baseline: theirs } = await inTurn(
    turn,
    async () => ({
      streamed: await timed(sides.ours, 'batches'),
      distinct: await timed(sides.ours, 'distinct'),
      parquet: await timed(sides.ours, 'parquet'),
    }),
    async () => ({
      whole: await timed(sides.baseline, 'whole'),
      relying: await timed(sides.baseline, 'relying'),
      distinct: await timed(sides.baseline, 'distinct'),
    }),
  )
  if (mine.streamed.figures['rows'] !== theirs.whole.figures['rows']) throw new Error('The sides differ')
  const seconds = (run: Run): number => run.figures['seconds'] ?? Number.NaN
  const wall = (a: Run, b: Run): Measured => ({ ours: seconds(a), baseline: seconds(b) })
  const server = (a: Timed, b: Timed): Measured => ({ ours: a.serverSeconds, baseline: b.serverSeconds })
  return {
    'wall, against the whole order by hand': wall(mine.streamed, theirs.whole),
    'CPU of PostgreSQL, against the whole order by hand': server(mine.streamed, theirs.whole),
    'wall, against who relies on distinct rows': wall(mine.streamed, theirs.relying),
    'CPU of PostgreSQL, against who relies on distinct rows': server(mine.streamed, theirs.relying),
    'a unique index, wall': wall(mine.distinct, theirs.distinct),
    'a unique index, CPU of PostgreSQL': server(mine.distinct, theirs.distinct),
    'CPU of the process': { ours: mine.streamed.cpuSeconds, baseline: theirs.relying.cpuSeconds },
    '→ Parquet, wall': wall(mine.parquet, theirs.relying),
    '→ Parquet, peak memory of the process': { ours: mine.parquet.rssBytes },
  }
}
