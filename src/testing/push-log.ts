import assert from 'node:assert/strict'
import type { Call } from '../kernel/call.ts'
import type { PushLog } from '../ports/push-log.ts'
import type { Law } from './law.ts'
import { pushLogLetterLaws } from './push-log-letters.ts'
import { pushLogOrderLaws } from './push-log-order.ts'
import {
  type PushLogHarness,
  airports,
  assertRead,
  letter,
  put,
  readAll,
  record,
  start,
  taken,
} from './push-log-records.ts'
import { pushLogRetryLaws } from './push-log-retries.ts'

export type { PushLogHarness } from './push-log-records.ts'

/** Every method, called with what changes a log. */
const calls: readonly [string, (log: PushLog, call?: Call) => Promise<unknown>][] = [
  [
    'append',
    async (log, call) => log.append([record([9], { deadLetters: [letter(9)], idempotency: taken('nine') })], call),
  ],
  ['head', async (log, call) => log.head(call)],
  ['changes', async (log, call) => Array.fromAsync(log.changes({ from: 0n, before: 1n << 62n }, call))],
  ['lookup', async (log, call) => log.lookup('one', start, call)],
  ['deadLetters', async (log, call) => log.deadLetters({ limit: 9 }, call)],
  [
    'maintain',
    async (log, call) => log.maintain({ purge: [{ target: airports, below: 1n << 62n }], nowUs: start }, call),
  ],
]

const lifetimeLaws: readonly Law<PushLogHarness>[] = [
  {
    law: 'a call whose signal was aborted, or whose deadline has passed, changes nothing',
    async run(harness) {
      await using log = await harness.open()
      const one = record([1], { deadLetters: [letter(1)], idempotency: taken('one') })
      const position = await put(log, one)
      const reason = new Error('enough')
      for (const [name, run] of calls) {
        await assert.rejects(
          run(log, { signal: AbortSignal.abort(reason) }),
          (thrown: unknown) =>
            thrown instanceof Error && 'code' in thrown && thrown.code === 'INTERRUPTED' && thrown.cause === reason,
          name,
        )
        await assert.rejects(run(log, { deadlineAtMs: Date.now() - 1 }), { code: 'DEADLINE_EXCEEDED' }, name)
      }
      assertRead(await readAll(log), [[position, one]])
      assert.deepEqual(await log.deadLetters({ limit: 9 }), [letter(1)])
      assert.equal(await log.lookup('nine', start), undefined)
    },
  },
  {
    law: 'an aborted signal ends a reading of changes',
    async run(harness) {
      await using log = await harness.open()
      await put(log, record([1]))
      await put(log, record([2]))
      const abort = new AbortController()
      const seen: bigint[] = []
      await assert.rejects(
        async () => {
          for await (const each of log.changes({ from: 0n, before: await log.head() }, { signal: abort.signal })) {
            seen.push(each.position)
            abort.abort()
          }
        },
        { code: 'INTERRUPTED' },
      )
      assert.equal(seen.length, 1)
    },
  },
  {
    law: 'a closed handle says CLOSED to every call; closing it again does nothing, and other handles go on',
    async run(harness) {
      const log = await harness.open()
      await using other = await harness.open()
      const position = await put(log, record([1]))
      await log[Symbol.asyncDispose]()
      await log[Symbol.asyncDispose]()
      for (const [name, run] of calls) await assert.rejects(run(log), { code: 'CLOSED' }, name)
      assertRead(await readAll(other), [[position, record([1])]])
    },
  },
  {
    law: 'an append under way when its handle is closed is answered, and counts',
    async run(harness) {
      const log = await harness.open()
      await using other = await harness.open()
      const appending = put(log, record([1]))
      await log[Symbol.asyncDispose]()
      assertRead(await readAll(other), [[await appending, record([1])]])
    },
  },
]

/** The laws of a push log. Each runs on an empty log of its own. */
export const pushLogLaws: readonly Law<PushLogHarness>[] = Object.freeze([
  ...pushLogOrderLaws,
  ...pushLogRetryLaws,
  ...pushLogLetterLaws,
  ...lifetimeLaws,
])
