// The flights demo: is this flight going to arrive more than 15 minutes late?
//
//   npm run demo              leaves a server running
//   npm run demo -- --once    ends when everything has been shown; exit 1 if it does not hold (for CI)
//
//   npm run demo -- --production --once   the same on PostgreSQL and Redis, compared value by value
//
// --dir FOLDER and --port PORT put the working copy and the server elsewhere. POSTGRES_URL and REDIS_URL name servers; those
// that they do not name are started for the run.
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadDefinitions, openStore, startServer } from 'provender'
import type { TypedStore } from 'provender'
import { servedHours, testEnd } from './demo/calendar.ts'
import { demoClock } from './demo/clock.ts'
import type { DemoClock } from './demo/clock.ts'
import { isPortFree } from './demo/port.ts'
import { aucText, count, planText, stepText, vectorText } from './demo/print.ts'
import { type Served, replay } from './demo/replay.ts'
import { differences } from './demo/same.ts'
import { score, trainCandidates } from './demo/scores.ts'
import { type TrainingSet, readTrainingSet } from './demo/training-set.ts'
import { verdict } from './demo/verdict.ts'
import { type DemoConfig, makeWorkingCopy } from './demo/working-copy.ts'

const HOST = '127.0.0.1'
const exampleRoute = { origin: 'ORD', destination: 'LAX' }

const { values: options } = parseArgs({
  options: {
    once: { type: 'boolean', default: false },
    production: { type: 'boolean', default: false },
    dir: { type: 'string', default: fileURLToPath(new URL('../../.provender/demo', import.meta.url)) },
    port: { type: 'string', default: '6580' },
  },
})
process.exitCode = await main(options.dir, Number(options.port))

async function main(dir: string, port: number): Promise<number> {
  if (!options.once && !(await isPortFree(HOST, port))) {
    console.error(`Port ${port} is in use, perhaps by an earlier demo. End that, or pass  --port PORT  or  --once`)
    return 2
  }
  if (options.production) return onProduction(dir)
  const startedAt = performance.now()
  await makeWorkingCopy(dir)
  const clock = demoClock(servedHours()[0]!.clock)
  await using store = await openStore(dir, { clock })
  await apply(store, dir)
  const { failures } = await trainAndServe(store, clock)
  await showVector(store, clock)
  console.log(`\n${stepText('Altogether', '', (performance.now() - startedAt) / 1000).trimStart()}`)
  for (const failure of failures) console.error(`\nNot as it should be: ${failure}`)
  if (!options.once) await serve(store, clock, { dir, port })
  return failures.length === 0 ? 0 : 1
}

/** Lives through the same twice, on the embedded engines and on PostgreSQL and Redis, and compares what came of it. */
async function onProduction(dir: string): Promise<number> {
  const { productionServers } = await import('./demo/production-servers.ts')
  await using servers = await productionServers()
  console.log('On DuckDB, LMDB and SQLite')
  const embedded = await lived(join(dir, 'embedded'), 'provender.yaml')
  console.log(`\nOn ${servers.postgres} and ${servers.redis}`)
  const production = await lived(join(dir, 'production'), 'provender.production.yaml')
  const failures = [...embedded.failures, ...production.failures, ...differences(production, embedded)]
  const { training, served } = production
  if (failures.length === 0)
    console.log(
      `\nThe same on both: ${count(training.rows, 'rows')} of training, ${count(served.rows.length, 'served vectors')}, value by value`,
    )
  for (const failure of failures) console.error(`\nNot as it should be: ${failure}`)
  return failures.length === 0 ? 0 : 1
}

async function lived(dir: string, config: DemoConfig) {
  await makeWorkingCopy(dir, config)
  const clock = demoClock(servedHours()[0]!.clock)
  await using store = await openStore(dir, { clock })
  await apply(store, dir)
  await timed('loaded', async () =>
    count(
      (await store.load()).sources.reduce((sum, { rows }) => sum + rows, 0),
      'rows',
    ),
  )
  return await trainAndServe(store, clock)
}

async function apply(store: TypedStore, dir: string): Promise<void> {
  const definitions = await loadDefinitions(dir)
  const plan = await store.plan(definitions)
  console.log(`The plan for ${store.project}\n${planText(plan.changes)}\n`)
  await timed('applied', async () => count((await store.apply(definitions)).changes.length, 'changes'))
}

/** Answers what came of it, and what the run failed to show. */
async function trainAndServe(
  store: TypedStore,
  clock: DemoClock,
): Promise<{ readonly training: TrainingSet; readonly served: Served; readonly failures: readonly string[] }> {
  const training = await timed(
    'point-in-time training set',
    () => readTrainingSet(store),
    (set) => `${count(set.rows, 'rows')}, ${set.columnCount} columns`,
  )
  const candidates = await timed(
    'three models trained',
    () => trainCandidates(training),
    () => `${count(training.firstTestRow, 'rows')}, February to May`,
  )
  const served = await replay(store, clock, training)
  console.log(
    stepText(`materialized ${served.hours} times`, count(served.written, 'rows written'), served.materializeSeconds),
  )
  console.log(stepText('vectors served', count(served.rows.length, 'flights'), served.readSeconds))
  const scores = candidates.map((candidate) => score(candidate, training, served))
  console.log(`\n${aucText(scores, training, served)}`)
  return { training, served, failures: verdict(served, scores) }
}

/** Brings the online store to the end of the data and shows what a model would get. */
async function showVector(store: TypedStore, clock: DemoClock): Promise<void> {
  clock.stopAt(new Date(testEnd.getTime() - 60_000))
  await store.materialize()
  console.log(`\nA served vector, ${new Date(testEnd.getTime() - 60_000).toISOString()}`)
  console.log(vectorText(exampleRoute, await store.online('delay_model', [exampleRoute])))
}

async function serve(store: TypedStore, clock: DemoClock, { dir, port }: { dir: string; port: number }): Promise<void> {
  clock.run()
  const server = await startServer(store, dir, { host: HOST, port })
  const folder = relative(process.cwd(), dir)
  const provender = `bin/provender --dir ${folder.startsWith('..') ? dir : folder}`
  console.log(`
The server runs at ${server.url}; its clock goes on from the end of June 2001. Ctrl-C ends it. Try next:
  curl '${server.url}/v1/online/delay_model?origin=DEN&destination=BOS'
  ${provender} train airport_delays --snapshot 2001-06-10T18:00:00Z
  ${provender} show airport_delays`)
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
  await server.close()
}

/** Runs a step and prints its line; the amount is what it answered unless `amountOf` says otherwise. */
async function timed<T>(
  label: string,
  step: () => T | Promise<T>,
  amountOf: (answer: T) => string = String,
): Promise<T> {
  const startedAt = performance.now()
  const answer = await step()
  console.log(stepText(label, amountOf(answer), (performance.now() - startedAt) / 1000))
  return answer
}
