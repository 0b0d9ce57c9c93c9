import { isDeepStrictEqual } from 'node:util'
import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { read } from '../../src/testing/offline-bench.ts'
import { seeded } from '../../src/testing/seeded.ts'
import type { FileIdentity } from '../../src/values/file-identity.ts'
import type { Value } from '../../src/values/value.ts'
import { type Answerer, type Engines, openEngines } from './across-engines/engines.ts'
import { type History, drawHistory } from './across-engines/history.ts'
import { type Place, type Question, drawQuestions, sorted } from './across-engines/questions.ts'

/** How many histories are asked about, unless HISTORIES says more; ACROSS_SEED tries others. */
const histories = Number(process.env['HISTORIES'] ?? 20)
const firstSeed = Number(process.env['ACROSS_SEED'] ?? 20_261_125)
const questionsEach = 8

type Table = Record<string, (Value | null)[]>

test(
  'whatever happened, memory, DuckDB and PostgreSQL answer the same, value by value',
  { timeout: 3_600_000 },
  async () => {
    const before = await readOnReplica()
    await using engines = await openEngines()
    for (let seed = firstSeed; seed < firstSeed + histories; seed++) {
      const random = seeded(seed)
      const history = drawHistory(random, String(seed))
      const questions = drawQuestions(random, history, questionsEach)
      await compare(engines, history, questions, `ACROSS_SEED=${seed} HISTORIES=1`)
    }
    await expect.poll(readOnReplica, { timeout: 15_000 }).toBeGreaterThan(before)
  },
)

async function compare(
  engines: Engines,
  history: History,
  questions: readonly Question[],
  again: string,
): Promise<void> {
  const positions = await engines.tell(history)
  const places = new Map<Answerer, Place>()
  for (const engine of engines.all) places.set(engine, await placeOf(engine, history, positions.get(engine.log) ?? []))
  for (const question of questions) {
    const answers = await Promise.all(engines.all.map(async (engine) => answerOf(engine, places.get(engine), question)))
    for (const [i, engine] of engines.all.entries()) {
      // Who reads tables of somebody else knows no files, so a run takes other rows for new.
      if (question.unordered === true && engine.foreign) continue
      const difference = differenceOf(answers[0] ?? null, answers[i] ?? null)
      expect(difference, `${engine.name}, ${question.about}; ${again}`).toBe(undefined)
    }
  }
}

async function answerOf(engine: Answerer, place: Place | undefined, question: Question): Promise<Table | null> {
  const plan = place === undefined ? null : question.plan(place)
  if (plan === null) return null
  const table = await read(engine.offline, plan, question.spine)
  return question.unordered === true ? sorted(table) : table
}

async function placeOf(engine: Answerer, history: History, positions: readonly bigint[]): Promise<Place> {
  const definitions = history.definitions(engine.foreign)
  const files = new Map<string, readonly FileIdentity[]>()
  for (const source of definitions.sources.values())
    files.set(source.name, (await engine.offline.describe([source], definitions.sources))[0]?.files ?? [])
  return { definitions, positions, head: await engine.log.head(), filesOf: (source) => files.get(source) ?? [] }
}

/** The first value that differs, to be shown. −0 is not 0, and NaN is NaN. */
function differenceOf(expected: Table | null, found: Table | null): unknown {
  if (expected === null || found === null) return expected === found ? undefined : { expected, found }
  for (const [name, column] of Object.entries(expected)) {
    const other = found[name] ?? []
    if (isDeepStrictEqual(column, other)) continue
    const row = Array.from({ length: Math.max(column.length, other.length) }).findIndex(
      (_, i) => !isDeepStrictEqual(column[i], other[i]),
    )
    return { name, row, rows: [column.length, other.length], expected: column[row], found: other[row] }
  }
  return Object.keys(found).length === Object.keys(expected).length
    ? undefined
    : { expected: Object.keys(expected), found: Object.keys(found) }
}

/** Transactions that ended on the replica, as it knows them: reads that nobody sent there would prove nothing of it. */
async function readOnReplica(): Promise<number> {
  const client = new pg.Client({ connectionString: inject('services').replica })
  await client.connect()
  const { rows } = await client.query<{ ended: unknown }>(
    'select xact_rollback::float8 as ended from pg_stat_database where datname = current_database()',
  )
  await client.end()
  return Number(rows[0]?.ended)
}
