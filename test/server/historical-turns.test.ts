import { once } from 'node:events'
import { request } from 'node:http'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { requestLimitsOf } from '../../src/define/request-limits.ts'
import { fail, isProvenderError } from '../../src/kernel/errors.ts'
import { HistoricalTurns } from '../../src/server/historical-turns.ts'
import { openBench, problemOf, today } from './bench.ts'

const codeOf = (thrown: unknown): string => (isProvenderError(thrown) ? thrown.code : String(thrown))

/** Somebody who asks for a turn. */
interface Asker {
  readonly abort: AbortController
  state: 'waiting' | 'taken' | 'refused' | 'left' | 'done'
  turn?: Disposable
}

describe('turns of historical reads', () => {
  const step = fc.record({
    act: fc.constantFrom('ask', 'ask', 'end', 'leave'),
    who: fc.nat({ max: 20 }),
  })

  test('go to who asked first, whatever happens: as a queue on paper has it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 3 }),
        fc.array(step, { maxLength: 40 }),
        async (historicalReads, historicalWaiting, steps) => {
          const turns = new HistoricalTurns(requestLimitsOf({ historicalReads, historicalWaiting }))
          const askers: Asker[] = []
          // The queue on paper: who has a turn, and who waits, by number.
          const paper = { taken: [] as number[], waiting: [] as number[] }
          const free = (): void => {
            const next = paper.waiting.shift()
            if (next !== undefined) paper.taken.push(next)
          }
          for (const { act, who } of steps) {
            if (act === 'ask') {
              const asker: Asker = { abort: new AbortController(), state: 'waiting' }
              const number = askers.push(asker) - 1
              turns.take({ signal: asker.abort.signal }).then(
                (turn) => Object.assign(asker, { turn, state: 'taken' }),
                (thrown: unknown) =>
                  Object.assign(asker, { state: codeOf(thrown) === 'OVERLOADED' ? 'refused' : 'left' }),
              )
              if (paper.taken.length < historicalReads) paper.taken.push(number)
              else if (paper.waiting.length < historicalWaiting) paper.waiting.push(number)
            } else if (act === 'end' && paper.taken.length > 0) {
              const [number = 0] = paper.taken.splice(who % paper.taken.length, 1)
              const asker = askers[number]
              asker?.turn?.[Symbol.dispose]()
              asker?.turn?.[Symbol.dispose]()
              if (asker !== undefined) asker.state = 'done'
              free()
            } else if (act === 'leave' && paper.waiting.length > 0) {
              const [number = 0] = paper.waiting.splice(who % paper.waiting.length, 1)
              askers[number]?.abort.abort(fail('INTERRUPTED', 'gone'))
            }
            await new Promise(setImmediate)
            const inState = (state: Asker['state']) => [...askers.keys()].filter((i) => askers[i]?.state === state)
            expect(inState('taken')).toEqual([...paper.taken].sort((a, b) => a - b))
            expect(inState('waiting')).toEqual(paper.waiting)
            expect(turns.counts).toEqual({ taken: paper.taken.length, waiting: paper.waiting.length })
          }
        },
      ),
    )
  })

  test('that are handed on in the moment in which who waited leaves are not lost', async () => {
    const turns = new HistoricalTurns(requestLimitsOf({ historicalReads: 1 }))
    const first = await turns.take({})
    const abort = new AbortController()
    const second = turns.take({ signal: abort.signal })
    const third = turns.take({})
    abort.abort(fail('INTERRUPTED', 'gone'))
    first[Symbol.dispose]()
    await expect(second).rejects.toMatchObject({ code: 'INTERRUPTED' })
    using _ = await third
    expect(turns.counts).toEqual({ taken: 1, waiting: 0 })
  })

  test('are waited for within the deadline', async () => {
    const turns = new HistoricalTurns(requestLimitsOf({ historicalReads: 1 }))
    using _ = await turns.take({})
    await expect(turns.take({ timeoutMs: 20 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: expect.stringMatching(/^The read waited 20 ms.* 1 \(server\.limits\.historicalReads\)/) as string,
    })
    expect(turns.counts).toEqual({ taken: 1, waiting: 0 })
  })
})

test('a server reads so many tables at once, lets so many wait, and refuses the others', async () => {
  await using bench = await openBench({ sql: true, limits: { historicalReads: 1, historicalWaiting: 1 } })
  const ask = (timeoutMs: number) =>
    bench.ask('POST', '/v1/historical/snapshot', {
      body: { features: 'airport_delays', at: today },
      headers: { 'x-timeout-ms': String(timeoutMs) },
    })
  // An answer that is larger than what lies between the two ends, and that nobody reads: its turn lasts.
  const holding = request(`${bench.server.url}/v1/historical`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/csv' },
  })
  holding.on('error', () => undefined)
  const sql = `SELECT 'ORD' AS airport, TIMESTAMP '2026-03-09' AS event_timestamp, repeat('x', 1000) AS note FROM range(100000)`
  holding.end(JSON.stringify({ features: 'airport_delays', spine: { sql } }))
  await once(holding, 'response')

  expect(problemOf(await ask(50))).toMatchObject({
    code: 'DEADLINE_EXCEEDED',
    detail: expect.stringContaining('server.limits.historicalReads') as string,
  })
  const waiting = ask(25_000)
  // Who comes behind the one that waits is refused, or waits itself where that one has not come yet.
  await expect.poll(async () => (await ask(200)).status, { timeout: 20_000 }).toBe(503)
  const refused = await ask(200)
  expect(problemOf(refused)).toMatchObject({
    code: 'OVERLOADED',
    detail: expect.stringContaining('1 (server.limits.historicalWaiting) wait') as string,
  })
  expect(refused.headers['retry-after']).toBe('1')
  // An upload is refused before it is taken in, other routes not at all.
  const upload = await bench.ask('POST', '/v1/historical?features=airport_delays', {
    body: 'airport,event_timestamp\nORD,2026-03-09\n',
    headers: { 'content-type': 'text/csv' },
  })
  expect(problemOf(upload).code).toBe('OVERLOADED')
  expect((await bench.ask('GET', '/v1/online/airport_delays?airport=ORD')).status).toBe(200)
  // Who leaves gives its turn back.
  holding.destroy()
  expect((await waiting).json).toMatchObject({ rows: 5 })
  expect((await ask(20_000)).status).toBe(200)
})
