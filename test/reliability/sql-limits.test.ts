import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Call } from '../../src/kernel/call.ts'
import { asProvenderError } from '../../src/kernel/errors.ts'
import { type DuckdbBench, columnsOf, openBench } from '../support/duckdb-bench.ts'

const memoryBytes = 200_000_000

let bench: DuckdbBench
beforeAll(async () => {
  bench = await openBench({ memoryBytes, threads: 2 })
})
afterAll(async () => {
  await bench[Symbol.asyncDispose]()
})

/** Runs user SQL; answers the code of its error, or `ran`, and how long that took. */
async function comesTo(sql: string, call?: Call): Promise<{ readonly code: string; readonly tookMs: number }> {
  const startedMs = performance.now()
  const code = await bench.offline
    .query(
      {
        plan: { kind: 'input', name: 'spine', uses: [] },
        inputs: new Map([['spine', { kind: 'sql', sql, inputs: [] }]]),
      },
      call,
    )
    .then(columnsOf)
    .then(
      () => 'ran',
      (thrown: unknown) => asProvenderError(thrown).code,
    )
  return { code, tookMs: performance.now() - startedMs }
}

/** Long past any deadline by themselves. */
const endless = [
  `SELECT count(*) AS x FROM range(1000000000) a, range(1000000000) b`,
  `SELECT count(*) AS x FROM (SELECT unnest(range(1000)) AS y FROM range(1000000000)) WHERE hash(y) = 7`,
  `WITH RECURSIVE t AS (SELECT 1 AS x UNION ALL SELECT (x + 1) % 1000000 FROM t) SELECT count(*) AS x FROM t`,
  `SELECT sum(sin(a.range) * cos(b.range)) AS x FROM range(10000000) a, range(10000000) b`,
  `SELECT count(DISTINCT a.range % 1000) AS x FROM range(1000000000000) a`,
] as const

/** Far more than may be held in memory, and than is spilled where it is a value of its own. */
const greedy = [
  `SELECT list(range) AS x FROM range(1000000000)`,
  `SELECT string_agg(repeat('x', 1000), '') AS x FROM range(100000000)`,
  `WITH RECURSIVE t AS (SELECT repeat('x', 1000) AS x UNION ALL SELECT x || x FROM t) SELECT count(*) AS x FROM t`,
] as const

test.each(endless)('is ended by its deadline, and by an abort: %s', { timeout: 60_000 }, async (sql) => {
  const late = await comesTo(sql, { deadlineAtMs: Date.now() + 500 })
  expect(late.code).toBe('DEADLINE_EXCEEDED')
  expect(late.tookMs).toBeLessThan(10_000)
  const aborted = await comesTo(sql, { signal: AbortSignal.timeout(300) })
  expect(aborted.code).toBe('INTERRUPTED')
  expect(aborted.tookMs).toBeLessThan(10_000)
  expect((await comesTo('SELECT 1 AS x')).code).toBe('ran')
})

test.each(greedy)('is ended by its share of memory, which is kept: %s', { timeout: 60_000 }, async (sql) => {
  const before = process.memoryUsage.rss()
  let most = 0
  const watch = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 10)
  const { code } = await comesTo(sql, { deadlineAtMs: Date.now() + 30_000 })
  clearInterval(watch)
  expect(code).toBe('STORE_FULL')
  // DuckDB goes beyond its limit by some hundreds of megabytes.
  expect(most - before).toBeLessThan(memoryBytes / 2 + 700_000_000)
  expect((await comesTo('SELECT 1 AS x')).code).toBe('ran')
})

test('many at once are all ended, and what others ask is answered meanwhile', { timeout: 60_000 }, async () => {
  const bombs = Promise.all(endless.map((sql) => comesTo(sql, { deadlineAtMs: Date.now() + 1500 })))
  expect((await comesTo('SELECT 1 AS x')).code).toBe('ran')
  expect((await bombs).map(({ code }) => code)).toEqual(endless.map(() => 'DEADLINE_EXCEEDED'))
})
