import { totalmem } from 'node:os'
import { featureFile } from './data/feature-file.ts'
import { countText } from './harness/report.ts'
import { type Scenario, inTurn, sizeOf } from './harness/scenario.ts'
import { type Run, runSide } from './harness/side-process.ts'

const ours = new URL('./sides/materialize.ts', import.meta.url)
const query = new URL('./baselines/latest.ts', import.meta.url)
const puts = new URL('./baselines/lmdb-puts.ts', import.meta.url)

/** What the offline store takes by default. */
const memory = `${Math.floor((totalmem() * 0.4) / 1e6)}MB`

export const scenario: Scenario = {
  about: (size) =>
    `${countText(sizeOf(size, 'rows'))} rows of ${countText(sizeOf(size, 'entities'))} entities × 10 features, Parquet → LMDB; memory at ${sizeOf(size, 'growth')} × the rows against memory at the rows`,
  full: { rows: 10_000_000, entities: 1_000_000, growth: 4 },
  quick: { rows: 1_000_000, entities: 100_000, growth: 4 },
  rounds: 3,
  figures: [
    { name: 'CPU, against query + puts', unit: 's', goals: [{ of: 'ratio', atMost: 1.3 }] },
    { name: 'of which the query thrown away', unit: 's' },
    { name: 'wall, against query + puts', unit: 's' },
    { name: 'rows', unit: 'rows/min', goals: [{ of: 'ours', atLeast: 10e6 }] },
    { name: 'anonymous memory', unit: 'B' },
    { name: 'anonymous memory, more rows', unit: 'B', goals: [{ of: 'ratio', atMost: 1.2 }] },
  ],
  async start(size) {
    const [rows, entities, growth] = [sizeOf(size, 'rows'), sizeOf(size, 'entities'), sizeOf(size, 'growth')]
    const file = await featureFile({ rows, entities, salt: 100 })
    const more = growth > 1 ? await featureFile({ rows: rows * growth, entities, salt: 100 }) : undefined
    return {
      round: async (turn) => {
        const found = await inTurn(
          turn,
          () => runSide(ours, { input: { file } }),
          async () => ({
            query: await runSide(query, { input: { file, memory } }),
            puts: await runSide(puts, { input: { entities } }),
          }),
        )
        const large = more === undefined || turn > 0 ? undefined : await runSide(ours, { input: { file: more } })
        const sum = (of: (run: Run) => number): number => of(found.baseline.query) + of(found.baseline.puts)
        return {
          'CPU, against query + puts': { ours: found.ours.cpuSeconds, baseline: sum((r) => r.cpuSeconds) },
          'of which the query thrown away': { ours: found.ours.cpuSeconds, baseline: found.baseline.query.cpuSeconds },
          'wall, against query + puts': { ours: found.ours.wallSeconds, baseline: sum((r) => r.wallSeconds) },
          rows: { ours: (rows / (found.ours.figures['seconds'] ?? Number.NaN)) * 60 },
          'anonymous memory': { ours: found.ours.anonBytes, baseline: found.baseline.query.anonBytes },
          ...(large === undefined
            ? {}
            : { 'anonymous memory, more rows': { ours: large.anonBytes, baseline: found.ours.anonBytes } }),
        }
      },
      [Symbol.asyncDispose]: async () => undefined,
    }
  },
}
