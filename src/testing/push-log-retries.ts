import assert from 'node:assert/strict'
import type { Law } from './law.ts'
import { limits } from '../kernel/limits.ts'
import {
  type PushLogHarness,
  airports,
  assertRead,
  letter,
  positionOf,
  put,
  readAll,
  record,
  start,
  taken,
} from './push-log-records.ts'

/** Idempotency keys. */
export const pushLogRetryLaws: readonly Law<PushLogHarness>[] = [
  {
    law: 'a key that was taken less than 24 h before repeats: nothing of the new record counts, and the earlier one is answered',
    async run(harness) {
      await using log = await harness.open()
      await using other = await harness.open()
      const first = record([1], { idempotency: taken('k') })
      const position = await put(log, first)
      await put(log, record([], { deadLetters: [letter(1)] }))
      for (const handle of [log, other]) {
        for (const atUs of [start, start - 5n, start + limits.idempotencyUs - 1n]) {
          const again = record([2], {
            target: airports,
            idempotency: taken('k', atUs),
            deadLetters: [letter(2)],
            replayed: [letter(1).id],
          })
          assert.deepEqual(await handle.append([again]), [{ kind: 'repeated', earlier: taken('k') }])
        }
      }
      assertRead(await readAll(other), [[position, first]])
      assert.deepEqual(await log.deadLetters({ limit: 9 }), [letter(1)])
    },
  },
  {
    law: 'a key is free again 24 h later, and is then held by the later record',
    async run(harness) {
      await using log = await harness.open()
      const later = taken('k', start + limits.idempotencyUs)
      const first = await put(log, record([1], { idempotency: taken('k') }))
      assert.deepEqual(await log.lookup('k', later.atUs - 1n), taken('k'))
      assert.equal(await log.lookup('k', later.atUs), undefined)
      const second = await put(log, record([2], { idempotency: later }))
      assert.deepEqual(await log.append([record([3], { idempotency: taken('k', later.atUs + 1n) })]), [
        { kind: 'repeated', earlier: later },
      ])
      assert.deepEqual(await log.lookup('k', later.atUs + 1n), later)
      assert.equal(await log.lookup('another', start), undefined)
      await using other = await harness.open()
      assert.deepEqual(await other.lookup('k', later.atUs + 1n), later)
      assertRead(await readAll(other), [
        [first, record([1])],
        [second, record([2])],
      ])
    },
  },
  {
    law: 'within one call the first record with a key wins, and the others of the call stand',
    async run(harness) {
      await using log = await harness.open()
      const answers = await log.append([
        record([1]),
        record([2], { idempotency: taken('k') }),
        record([3], { idempotency: taken('k', start + 1n) }),
        record([4]),
      ])
      assert.deepEqual(answers[2], { kind: 'repeated', earlier: taken('k') })
      assertRead(
        await readAll(log),
        [1, 2, 4].map((n) => [positionOf(answers[n - 1]), record([n])]),
      )
    },
  },
  {
    law: 'of appends with one key at the same time exactly one counts, and all others are answered with it',
    async run(harness) {
      await using log = await harness.open()
      await using other = await harness.open()
      const racers = Array.from({ length: 12 }, (_, n) => ({
        n,
        each: record([n], { idempotency: { ...taken('k'), answer: `{"n":${n}}` } }),
      }))
      const answers = await Promise.all(
        racers.map(async ({ n, each }) => (await (n % 2 === 0 ? log : other).append([each]))[0]),
      )
      const winners = racers.filter(({ n }) => answers[n]?.kind === 'appended')
      assert.equal(winners.length, 1)
      const winner = winners[0]
      assert.ok(winner !== undefined)
      assertRead(await readAll(other), [[positionOf(answers[winner.n]), record([winner.n])]])
      for (const answer of answers)
        if (answer?.kind === 'repeated') assert.deepEqual(answer.earlier, winner.each.idempotency)
      assert.deepEqual(await log.lookup('k', start), winner.each.idempotency)
    },
  },
]
