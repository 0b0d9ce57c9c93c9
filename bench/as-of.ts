import { totalmem } from 'node:os'
import { featureFile, spineFile } from './data/feature-file.ts'
import { countText } from './harness/report.ts'
import { type Measured, type Scenario, inTurn, sizeOf } from './harness/scenario.ts'
import { type Run, SideProcess } from './harness/side-process.ts'

const ours = new URL('./sides/as-of.ts', import.meta.url)
const baseline = new URL('./baselines/as-of.ts', import.meta.url)

/** What the offline store takes by default. */
const memory = `${Math.floor((totalmem() * 0.4) / 1e6)}MB`

export const scenario: Scenario = {
  about: (size) =>
    `${countText(sizeOf(size, 'spine'))} spine rows × ${countText(sizeOf(size, 'rows'))} rows × 10 features, ttl 7 d, ${sizeOf(size, 'views')} views`,
  full: { spine: 1_000_000, rows: 10_000_000, entities: 100_000, views: 3 },
  quick: { spine: 100_000, rows: 1_000_000, entities: 10_000, views: 3 },
  rounds: 3,
  figures: [
    { name: '1 view → Parquet, CPU', unit: 's', goals: [{ of: 'ratio', atMost: 1.15 }] },
    { name: '1 view → Parquet, wall', unit: 's' },
    { name: '1 view → Parquet, peak memory', unit: 'B' },
    { name: '1 view → Parquet, CPU, cold', unit: 's' },
    { name: '1 view, rows streamed, CPU', unit: 's' },
    { name: 'all views → Parquet, CPU', unit: 's', goals: [{ of: 'ratio', atMost: 1.15 }] },
    { name: 'all views → Parquet, wall', unit: 's' },
    { name: 'all views → Parquet, peak memory', unit: 'B' },
    { name: 'all views → Parquet, CPU, cold', unit: 's' },
  ],
  async start(size) {
    const [rows, entities, views] = [sizeOf(size, 'rows'), sizeOf(size, 'entities'), sizeOf(size, 'views')]
    const files: string[] = []
    for (let i = 0; i < views; i++) files.push(await featureFile({ rows, entities, salt: 100 * (i + 1) }))
    const spine = await spineFile({ rows: sizeOf(size, 'spine'), entities })
    const measure = async (side: URL, of: readonly string[], streamed: boolean): Promise<Runs> => {
      await using process = await SideProcess.start(side, { input: { files: of, spine, memory } })
      const cold = await process.run('parquet')
      const warm = await process.run('parquet')
      return { cold, warm, ...(streamed ? { streamed: await process.run('batches') } : {}) }
    }
    return {
      round: async (turn) => {
        const [first] = files
        const one = first === undefined ? [] : [first]
        return {
          ...figuresOf(
            '1 view',
            await inTurn(
              turn,
              () => measure(ours, one, true),
              () => measure(baseline, one, true),
            ),
          ),
          ...(views === 1
            ? {}
            : figuresOf(
                'all views',
                await inTurn(
                  turn,
                  () => measure(ours, files, false),
                  () => measure(baseline, files, false),
                ),
              )),
        }
      },
      [Symbol.asyncDispose]: async () => undefined,
    }
  },
}

interface Runs {
  /** The first run of a process whose store has never seen the files. */
  readonly cold: Run
  readonly warm: Run
  readonly streamed?: Run
}

function figuresOf(what: string, found: { ours: Runs; baseline: Runs }): Record<string, Measured> {
  if (found.ours.warm.figures['rows'] !== found.baseline.warm.figures['rows']) throw new Error('The sides differ')
  const measured = (of: (runs: Runs) => number): Measured => ({ ours: of(found.ours), baseline: of(found.baseline) })
  return {
    [`${what} → Parquet, CPU`]: measured((r) => r.warm.cpuSeconds),
    [`${what} → Parquet, wall`]: measured((r) => r.warm.wallSeconds),
    [`${what} → Parquet, peak memory`]: measured((r) => r.warm.rssBytes),
    [`${what} → Parquet, CPU, cold`]: measured((r) => r.cold.cpuSeconds),
    ...(found.ours.streamed === undefined
      ? {}
      : { [`${what}, rows streamed, CPU`]: measured((r) => r.streamed?.cpuSeconds ?? Number.NaN) }),
  }
}
