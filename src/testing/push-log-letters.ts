import assert from 'node:assert/strict'
import type { Law } from './law.ts'
import { type PushLogHarness, flights, letter, put, record, start } from './push-log-records.ts'

/** Dead letters. */
export const pushLogLetterLaws: readonly Law<PushLogHarness>[] = [
  {
    law: 'dead letters are listed by id with all that was kept, by target and by ids, from every handle',
    async run(harness) {
      await using log = await harness.open()
      await using other = await harness.open()
      await put(log, record([1], { deadLetters: [letter(1), letter(2)] }))
      await put(other, record([], { deadLetters: [letter(4, flights), letter(3, flights)] }))
      for (const handle of [log, other]) {
        assert.deepEqual(await handle.deadLetters({ limit: 99 }), [
          letter(1),
          letter(2),
          letter(3, flights),
          letter(4, flights),
        ])
        assert.deepEqual(await handle.deadLetters({ limit: 2 }), [letter(1), letter(2)])
        assert.deepEqual(await handle.deadLetters({ limit: 99, target: 'flights' }), [
          letter(3, flights),
          letter(4, flights),
        ])
        assert.deepEqual(await handle.deadLetters({ limit: 99, target: 'nobody' }), [])
        assert.deepEqual(await handle.deadLetters({ limit: 99, ids: [letter(4).id, 'unknown', letter(1).id] }), [
          letter(1),
          letter(4, flights),
        ])
        assert.deepEqual(await handle.deadLetters({ limit: 99, ids: [] }), [])
        assert.deepEqual(await handle.deadLetters({ limit: 0 }), [])
      }
    },
  },
  {
    law: 'a replayed letter leaves the list with the record that replays it',
    async run(harness) {
      await using log = await harness.open()
      await using other = await harness.open()
      await put(log, record([], { deadLetters: [letter(1), letter(2), letter(3)] }))
      await put(other, record([2], { replayed: [letter(2).id, 'unknown'] }))
      await put(log, record([], { replayed: [letter(2).id] }))
      for (const handle of [log, other])
        assert.deepEqual(await handle.deadLetters({ limit: 9 }), [letter(1), letter(3)])
      await log.maintain({ purge: [], nowUs: start })
      await put(other, record([], { replayed: [letter(1).id] }))
      for (const handle of [log, other]) assert.deepEqual(await handle.deadLetters({ limit: 9 }), [letter(3)])
      await using late = await harness.open()
      assert.deepEqual(await late.deadLetters({ limit: 9 }), [letter(3)])
    },
  },
  {
    law: 'pages go on after an id, also when that letter has left the list meanwhile',
    async run(harness) {
      await using log = await harness.open()
      await put(log, record([], { deadLetters: Array.from({ length: 7 }, (_, n) => letter(n)) }))
      assert.deepEqual(await log.deadLetters({ limit: 3, after: letter(2).id }), [letter(3), letter(4), letter(5)])
      await put(log, record([], { replayed: [letter(3).id, letter(5).id] }))
      assert.deepEqual(await log.deadLetters({ limit: 3, after: letter(5).id }), [letter(6)])
      assert.deepEqual(await log.deadLetters({ limit: 3, after: letter(2).id }), [letter(4), letter(6)])
      assert.deepEqual(await log.deadLetters({ limit: 3, after: letter(6).id }), [])
    },
  },
]
