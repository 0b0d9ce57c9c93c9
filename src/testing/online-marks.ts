import assert from 'node:assert/strict'
import type { Marks, OnlineMarks, Stamp } from '../ports/marks.ts'
import type { Space } from '../ports/online.ts'
import type { Law } from './law.ts'
import { type OnlineHarness, assertStored, expected, keyed, packed } from './online-rows.ts'

const space: Space = { view: 'airport_delays', generation: 1_700_000_000_000_000n }
const done = (attempt: bigint): Stamp => ({ attempt, state: 'done' })
const held = { rows: 0, newestEvent: null }
const open = (attempt: bigint): Stamp => ({ attempt, state: 'open' })

async function marksOf(store: OnlineMarks, at: Space = space): Promise<Marks> {
  const [marks] = await store.readMarks([at])
  assert.ok(marks !== undefined, 'a space is answered')
  return marks
}

/** Cursors, stamps and what the store is. */
export const onlineMarksLaws: readonly Law<OnlineHarness>[] = [
  {
    law: 'a space has no marks until its birth, which changes nothing when repeated',
    async run(harness) {
      await using store = await harness.open()
      await using other = await harness.open()
      const unborn = await marksOf(store)
      assert.deepEqual([unborn.cursor, unborn.stamp], [null, null])
      await store.birth(space, 7n)
      assert.deepEqual(await marksOf(other), { incarnation: unborn.incarnation, cursor: 7n, stamp: done(0n), held })
      assert.ok(await store.moveCursor(space, 9n, unborn.incarnation))
      await other.birth(space, 3n)
      assert.deepEqual(await marksOf(store), { incarnation: unborn.incarnation, cursor: 9n, stamp: done(0n), held })
      const answers = await store.readMarks([{ ...space, generation: 1n }, space, space])
      assert.deepEqual(
        answers.map((m) => m.cursor),
        [null, 9n, 9n],
      )
      assert.deepEqual(await store.readMarks([]), [])
    },
  },
  {
    law: 'a cursor moves forward only, and only under the incarnation it was read with',
    async run(harness) {
      await using store = await harness.open()
      const { incarnation } = await marksOf(store)
      assert.ok(await store.moveCursor(space, 5n, incarnation), 'a space without marks may have a cursor')
      assert.deepEqual(await marksOf(store), { incarnation, cursor: 5n, stamp: null, held })
      assert.ok(await store.moveCursor(space, 5n, incarnation))
      assert.equal(await store.moveCursor(space, 4n, incarnation), false)
      assert.equal(await store.moveCursor(space, 6n, `${incarnation}x`), false)
      assert.equal((await marksOf(store)).cursor, 5n)
      const big = 0x7fff_ffff_ffff_fff0n
      const moves = await Promise.all([1n, 3n, 2n].map(async (n) => store.moveCursor(space, big + n, incarnation)))
      assert.equal(moves[1], true)
      assert.equal((await marksOf(store)).cursor, big + 3n)
    },
  },
  {
    law: 'a stamp changes by compare-and-set only, and the cursor stays',
    async run(harness) {
      await using store = await harness.open()
      await using other = await harness.open()
      const { incarnation } = await marksOf(store)
      assert.equal(await store.swapStamp(space, { from: done(0n), to: open(1n), incarnation }), false, 'not born')
      await store.birth(space, 7n)
      const big = 1_700_000_000_000_001n
      assert.equal(await store.swapStamp(space, { from: null, to: open(big), incarnation }), false)
      assert.equal(await store.swapStamp(space, { from: done(0n), to: open(big), incarnation: 'another' }), false)
      assert.equal(
        await store.swapStamp(space, { from: done(big), to: open(big), incarnation }),
        false,
        'the attempt counts',
      )
      const won = await Promise.all(
        [store, other].map(async (s, i) =>
          s.swapStamp(space, { from: done(0n), to: open(big + BigInt(i)), incarnation }),
        ),
      )
      assert.equal(won.filter(Boolean).length, 1)
      const mine = (await marksOf(other)).stamp
      assert.deepEqual(mine, open(big + BigInt(won.indexOf(true))))
      assert.equal(
        await other.swapStamp(space, { from: done(mine.attempt), to: done(mine.attempt), incarnation }),
        false,
        'the state counts',
      )
      assert.equal(await other.swapStamp(space, { from: mine, to: done(mine.attempt), incarnation }), true)
      assert.deepEqual(await marksOf(store), { incarnation, cursor: 7n, stamp: done(mine.attempt), held })
      const unborn = { ...space, generation: 2n }
      assert.equal(await store.swapStamp(unborn, { from: null, to: done(1n), incarnation }), true)
      assert.deepEqual((await marksOf(store, unborn)).stamp, done(1n))
    },
  },
  {
    law: 'a store that is restored under open handles is another incarnation, with the rows and marks of the copy',
    async run(harness) {
      await using store = await harness.open()
      await using other = await harness.open()
      const old = [keyed('a', packed({ event: 1 }, 'old'))]
      await store.write(space, old)
      await store.birth(space, 3n)
      await store.schemas([{ fingerprint: 5, text: 'five' }])
      const before = await marksOf(store)
      const restore = await harness.backup()
      await store.write(space, [keyed('a', packed({ event: 2 }, 'new')), keyed('b', packed({ event: 2 }))])
      assert.ok(await store.moveCursor(space, 8n, before.incarnation))
      await other.schemas([{ fingerprint: 6, text: 'six' }])
      assert.equal((await marksOf(store)).incarnation, before.incarnation, 'a backup changes nothing')
      await restore()
      assert.equal(await store.moveCursor(space, 9n, before.incarnation), false)
      assert.equal(
        await other.swapStamp(space, { from: done(0n), to: open(1n), incarnation: before.incarnation }),
        false,
      )
      for (const handle of [store, other]) {
        const after = await marksOf(handle)
        assert.notEqual(after.incarnation, before.incarnation)
        assert.deepEqual([after.cursor, after.stamp], [3n, done(0n)])
        await assertStored(handle, space, [Buffer.from('a'), Buffer.from('b')], expected(old))
        assert.deepEqual(await handle.schemas([{ fingerprint: 5 }, { fingerprint: 6 }]), ['five', null])
      }
      const { incarnation } = await marksOf(other)
      assert.ok(await store.moveCursor(space, 9n, incarnation), 'all handles agree on what it is now')
      assert.equal((await marksOf(other)).cursor, 9n)
    },
  },
]
