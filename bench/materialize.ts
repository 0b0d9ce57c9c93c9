import { featureFile } from './data/feature-file.ts'
import { countText } from './harness/report.ts'
import { type Scenario, inTurn, sizeOf } from './harness/scenario.ts'
import { runSide } from './harness/side-process.ts'

const ours = new URL('./sides/materialize.ts', import.meta.url)
const query = new URL('./baselines/latest.ts', import.meta.url)

export const scenario: Scenario = {
  about: (size) =>
    `${countText(sizeOf(size, 'rows'))} rows of ${countText(sizeOf(size, 'entities'))} entities × 10 features, Parquet → LMDB`,
  full: { rows: 10_000_000, entities: 1_000_000 },
  quick: { rows: 1_000_000, entities: 100_000 },
  rounds: 3,
  figures: [
    { name: 'CPU', unit: 's', goals: [{ of: 'ratio', atMost: 1.3 }] },
    { name: 'rows', unit: 'rows/min', goals: [{ of: 'ours', atLeast: 10e6 }] },
    { name: 'anonymous memory', unit: 'B' },
  ],
  async start(size) {
    const rows = sizeOf(size, 'rows')
    const file = await featureFile({ rows, entities: sizeOf(size, 'entities'), salt: 100 })
    return {
      round: async (turn) => {
        const found = await inTurn(
          turn,
          () => runSide(ours, { input: { file } }),
          () => runSide(query, { input: { file } }),
        )
        return {
          CPU: { ours: found.ours.cpuSeconds, baseline: found.baseline.cpuSeconds },
          rows: { ours: (rows / (found.ours.figures['seconds'] ?? Number.NaN)) * 60 },
          'anonymous memory': { ours: found.ours.anonBytes, baseline: found.baseline.anonBytes },
        }
      },
      [Symbol.asyncDispose]: async () => undefined,
    }
  },
}
