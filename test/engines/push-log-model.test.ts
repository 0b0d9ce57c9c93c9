import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openPushLog } from '../../src/engines/duckdb/push-log/push-log.ts'
import { memoryPushLog } from '../../src/engines/memory/push-log.ts'
import type { LogRecord, PushLog } from '../../src/ports/push-log.ts'
import { airports, flights, letter, readAll, record, start, taken } from '../../src/testing/push-log-records.ts'

const hourUs = 3_600_000_000n

/** What a step does; numbers choose among what there is when it runs. */
interface Step {
  readonly handle: number
  readonly does: 'append' | 'maintain' | 'purge' | 'read'
  readonly sizes: readonly number[]
  readonly key: number
  readonly choice: number
}

const anyStep: fc.Arbitrary<Step> = fc.record({
  handle: fc.nat(2),
  does: fc.constantFrom<Step['does'][]>('append', 'append', 'append', 'append', 'maintain', 'purge', 'read'),
  sizes: fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }),
  key: fc.nat(9),
  choice: fc.nat(1000),
})

/** Records to append at a step: rows, dead letters, replays of earlier ones, and sometimes a key. Clocks go back a little at times. */
function recordsOf(step: Step, at: number, letters: number): LogRecord[] {
  const target = step.choice % 2 === 0 ? airports : flights
  const now = start + BigInt(at) * 5n * hourUs - (step.choice % 7 === 0 ? hourUs : 0n)
  return step.sizes.map((size, i) => ({
    ...record(
      Array.from({ length: size }, (_, n) => at * 100 + i * 10 + n),
      { target },
    ),
    deadLetters: size === 3 ? [letter(letters + i, target)] : [],
    replayed: size === 0 && letters > 0 ? [letter(step.choice % letters).id] : [],
    ...(step.key < 5 ? { idempotency: taken(`key ${step.key}`, now + BigInt(i)) } : {}),
  }))
}

test('the log in files does what the log in memory does, with any number of handles and maintenance anywhere', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyStep, { minLength: 5, maxLength: 30 }),
      fc.constantFrom(1, 600, 100_000),
      fc.constantFrom(0, 3_600_000),
      async (steps, segmentBytes, keepReplacedMs) => {
        const folder = await mkdtemp(join(tmpdir(), 'provender-log-'))
        const open = async (): Promise<PushLog> =>
          openPushLog(join(folder, 'log'), { segmentBytes, sealBytes: 1, mergeFiles: 3, keepReplacedMs })
        const handles = [await open(), await open(), await open()]
        const model = memoryPushLog().open()
        // Positions of the model and of the files, pairwise, in order.
        const pairs: [bigint, bigint][] = [[0n, 0n]]
        let letters = 0
        for (const [at, step] of steps.entries()) {
          const log = handles[step.handle] ?? model
          const [inModel, inFiles] = pairs[step.choice % pairs.length] ?? [0n, 0n]
          const target = step.choice % 3 === 0 ? airports : flights
          const nowUs = start + BigInt(at) * 5n * hourUs
          if (step.does === 'append') {
            const records = recordsOf(step, at, letters)
            letters += 10
            const [expected, got] = [await model.append(records), await log.append(records)]
            expect(got.map((each) => (each.kind === 'repeated' ? each : each.kind))).toEqual(
              expected.map((each) => (each.kind === 'repeated' ? each : each.kind)),
            )
            for (const [i, each] of expected.entries())
              if (each.kind === 'appended' && got[i]?.kind === 'appended') pairs.push([each.position, got[i].position])
          } else if (step.does === 'read') {
            expect((await readAll(log, inFiles)).map((each) => each.record)).toEqual(
              (await readAll(model, inModel)).map((each) => each.record),
            )
            expect((await readAll(log, 0n, inFiles)).map((each) => each.record)).toEqual(
              (await readAll(model, 0n, inModel)).map((each) => each.record),
            )
            for (const targets of [[], [airports], [flights, airports]])
              expect((await readAll(log, inFiles, undefined, targets)).map((each) => each.record)).toEqual(
                (await readAll(model, inModel, undefined, targets)).map((each) => each.record),
              )
            const query = {
              limit: 1 + (step.choice % 4),
              ...(step.choice % 2 === 0 ? {} : { target: target.name }),
              ...(step.choice % 5 === 0 ? { after: letter(step.choice % (letters + 1)).id } : {}),
            }
            expect(await log.deadLetters(query)).toEqual(await model.deadLetters(query))
            expect(await log.lookup(`key ${step.key}`, nowUs)).toEqual(await model.lookup(`key ${step.key}`, nowUs))
          } else {
            const purge = (below: bigint): Parameters<PushLog['maintain']>[0] => ({
              purge: step.does === 'purge' && step.choice % 4 === 0 ? [{ target, below }] : [],
              nowUs,
            })
            await model.maintain(purge(inModel))
            await log.maintain(purge(inFiles))
          }
        }
        const late = await open()
        for (const log of [...handles, late]) {
          expect((await readAll(log)).map((each) => each.record)).toEqual(
            (await readAll(model)).map((each) => each.record),
          )
          expect(await log.deadLetters({ limit: 999 })).toEqual(await model.deadLetters({ limit: 999 }))
          await log[Symbol.asyncDispose]()
        }
        await rm(folder, { recursive: true })
      },
    ),
    { numRuns: 25 },
  )
}, 120_000)
