import { featureTable, fillFeatureTable } from './data/feature-table.ts'
import { newProject, postgresPlace, redisPlace } from './data/servers.ts'
import { countText } from './harness/report.ts'
import { type Scenario, inTurn, sizeOf } from './harness/scenario.ts'
import { type Run, runSide } from './harness/side-process.ts'

const ours = new URL('./sides/materialize-production.ts', import.meta.url)
const copy = new URL('./baselines/copy-out.ts', import.meta.url)
const puts = new URL('./baselines/resp-puts.ts', import.meta.url)

/** The latest row of each entity, as one would write it by hand. */
const query = `select distinct on (id) * from ${featureTable} order by id, happened_at desc, learned_at desc nulls last`

export const scenario: Scenario = {
  about: (size) =>
    `${countText(sizeOf(size, 'rows'))} rows of ${countText(sizeOf(size, 'entities'))} entities × 10 features, a table of PostgreSQL → Redis; memory at them against memory at a share of 1/${sizeOf(size, 'growth')}`,
  full: { rows: 5_000_000, entities: 1_000_000, growth: 5 },
  quick: { rows: 250_000, entities: 50_000, growth: 5 },
  rounds: 3,
  figures: [
    {
      name: 'rows, against the slower of COPY and RESP',
      unit: 'rows/min',
      goals: [
        { of: 'ratio', atLeast: 0.7 },
        { of: 'ours', atLeast: 5e6 },
      ],
    },
    { name: 'wall, against COPY of the query to nowhere', unit: 's' },
    { name: 'wall, against RESP of the same bytes', unit: 's' },
    { name: 'CPU of the process', unit: 's' },
    { name: 'anonymous memory, against that of fewer rows', unit: 'B', goals: [{ of: 'ratio', atMost: 1.2 }] },
  ],
  async start(size) {
    const [rows, entities, growth] = [sizeOf(size, 'rows'), sizeOf(size, 'entities'), sizeOf(size, 'growth')]
    await using owned = new AsyncDisposableStack()
    const [all, some] = [owned.use(await postgresPlace()).url, owned.use(await postgresPlace()).url]
    const redis = owned.use(await redisPlace()).url
    await fillFeatureTable(all, { rows, entities, salt: 100 })
    await fillFeatureTable(some, { rows: rows / growth, entities: entities / growth, salt: 100 })
    const kept = owned.move()
    return {
      round: async (turn) => {
        const project = newProject()
        const found = await inTurn(
          turn,
          () => runSide(ours, { input: { postgres: all, redis, project } }),
          async () => ({
            copy: await runSide(copy, { input: { url: all, query } }),
            puts: await runSide(puts, { input: { url: redis, project, entities } }),
          }),
        )
        const fewer =
          turn > 0 ? undefined : await runSide(ours, { input: { postgres: some, redis, project: newProject() } })
        const seconds = (run: Run): number => run.figures['seconds'] ?? Number.NaN
        const { copy: out, puts: raw } = found.baseline
        if (out.figures['rows'] !== found.ours.figures['entities']) throw new Error('The sides differ')
        const slower = Math.max(seconds(out), seconds(raw))
        return {
          'rows, against the slower of COPY and RESP': {
            ours: (rows / seconds(found.ours)) * 60,
            baseline: (rows / slower) * 60,
          },
          'wall, against COPY of the query to nowhere': { ours: seconds(found.ours), baseline: seconds(out) },
          'wall, against RESP of the same bytes': { ours: seconds(found.ours), baseline: seconds(raw) },
          'CPU of the process': { ours: found.ours.cpuSeconds },
          ...(fewer === undefined
            ? {}
            : {
                'anonymous memory, against that of fewer rows': {
                  ours: found.ours.anonBytes,
                  baseline: fewer.anonBytes,
                },
              }),
        }
      },
      [Symbol.asyncDispose]: () => kept.disposeAsync(),
    }
  },
}
