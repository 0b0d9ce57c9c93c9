import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openPushLog } from '../../src/engines/duckdb/push-log/push-log.ts'
import { openLmdbOnline } from '../../src/engines/lmdb/online.ts'
import { memoryOnline } from '../../src/engines/memory/online.ts'
import { memoryPushLog } from '../../src/engines/memory/push-log.ts'
import { push } from '../../src/ingest/push.ts'
import { remove } from '../../src/ingest/remove.ts'
import { type OrderTuple, compareOrder, tombstoneTie } from '../../src/values/order.ts'
import type { Value } from '../../src/values/value.ts'
import {
  type BenchEngines,
  type IngestBench,
  type ReadRow,
  ingestBench,
  noon,
  second,
} from '../support/ingest-bench.ts'
import { smallDefinitions, view } from '../support/small-definitions.ts'

const definitions = smallDefinitions({
  views: {
    delays: view({ source: 'taps' }),
    far: view({ source: 'taps', keys: { airport: 'code' }, features: { miles: 'float64' } }),
  },
  sources: {
    taps: {
      type: 'push',
      schema: { airport: 'string', code: 'string', delay: 'int32', miles: 'float64' },
      timestamp: 'at',
    },
  },
})

// Few airports and instants, so that rows meet, tie and come late all the time.
const airport = fc.constantFrom('A', 'B', 'C')
const times = { at: fc.integer({ min: -3, max: 3 }), created: fc.option(fc.integer({ min: -2, max: 2 })) }
const miles = fc.constantFrom(0, -0, Number.NaN, 1.5)
const toDelays = fc.record({ airport, delay: fc.option(fc.nat(2)), miles, ...times })
const toFar = fc.record({ airport, miles, ...times })
const toTaps = fc.record({ airport: fc.option(airport), code: fc.option(airport), delay: fc.nat(2), miles, ...times })
const to = fc.constantFrom('both', 'both', 'online', 'offline' as const)
const batch = <T>(row: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(row, { minLength: 1, maxLength: 5 })
const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ push: fc.constant('delays'), rows: batch(toDelays), to }) },
  { weight: 1, arbitrary: fc.record({ push: fc.constant('far'), rows: batch(toFar), to }) },
  { weight: 3, arbitrary: fc.record({ push: fc.constant('taps'), rows: batch(toTaps), to }) },
  {
    weight: 1,
    arbitrary: fc.record({
      remove: fc.constantFrom('delays', 'far'),
      airport,
      at: fc.option(fc.integer({ min: -3, max: 3 })),
    }),
  },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

const instant = (seconds: number | null): bigint | undefined =>
  seconds === null ? undefined : noon + BigInt(seconds) * second

async function play(bench: IngestBench, each: Step): Promise<void> {
  if ('remove' in each) {
    await remove(bench.deps, each.remove, { keys: { airport: each.airport }, at: instant(each.at), form: 'js' })
    return
  }
  const rows = each.rows.map((row) => ({ ...row, at: instant(row.at), created: instant(row.created) }))
  const answer = await push(bench.deps, each.push, { rows, to: each.to as 'both', form: 'js' })
  expect(answer.rejected).toEqual([])
  expect(answer.accepted + answer.superseded).toBe(rows.length)
}

/** What a view should serve of an airport: the maximum of the Order over all rows in the log that were sent online. */
async function expected(bench: IngestBench, name: 'delays' | 'far', key: string): Promise<ReadRow | null> {
  const features = name === 'delays' ? ['delay', 'miles'] : ['miles']
  let best: { order: OrderTuple; values: (Value | null)[] } | undefined
  for await (const { record } of bench.deps.log.changes({ from: 0n, before: await bench.deps.log.head() })) {
    if (record.to === 'offline' || (record.target.name !== name && record.target.name !== 'taps')) continue
    const of = (column: string): number => record.columns.findIndex((c) => c.name === column)
    const keyAt = of(name === 'far' && record.target.name === 'taps' ? 'code' : 'airport')
    for (const row of record.rows) {
      if (row.values[keyAt] !== key) continue
      const order = { event: row.event, created: row.created, reading: 0n, tie: row.tie }
      if (best === undefined || compareOrder(order, best.order) >= 0)
        best = { order, values: features.map((feature) => row.values[of(feature)] ?? null) }
    }
  }
  if (best === undefined) return null
  const { event, created, tie } = best.order
  return { event, created, tombstone: tie === tombstoneTie, revision: 1n, values: best.values }
}

async function holds(engines: BenchEngines, steps: readonly Step[], together: boolean): Promise<void> {
  const bench = ingestBench(definitions, engines)
  if (together) await Promise.all(steps.map(async (each) => play(bench, each)))
  else for (const each of steps) await play(bench, each)
  for (const name of ['delays', 'far'] as const) {
    for (const key of ['A', 'B', 'C']) expect(await bench.row(name, [key])).toEqual(await expected(bench, name, key))
  }
}

describe('any interleaving of pushes and deletes', () => {
  it('serves the latest row of the log, in memory', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.boolean(), async (steps, together) =>
        holds({ log: memoryPushLog().open(), online: memoryOnline().open() }, steps, together),
      ),
      { numRuns: 300 },
    )
  })

  it('serves the latest row of the log, on LMDB and log files', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'provender-ingest-'))
    let run = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.boolean(), async (steps, together) => {
        const home = join(folder, String(run++))
        await using log = await openPushLog(join(home, 'log'))
        await using online = await openLmdbOnline(join(home, 'online'))
        await holds({ log, online }, steps, together)
      }),
      { numRuns: 25 },
    )
    await rm(folder, { recursive: true })
  })
})
