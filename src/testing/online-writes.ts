import assert from 'node:assert/strict'
import type { KeyedRow, Space } from '../ports/online.ts'
import type { Law } from './law.ts'
import {
  type OnlineHarness,
  assertRow,
  assertStored,
  expected,
  keyed,
  packed,
  randomWrites,
  readRows,
} from './online-rows.ts'
import { seeded } from './seeded.ts'

const space: Space = { view: 'airport_delays', generation: 1_700_000_000_000_000n }
const keysOf = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => Buffer.from(`key-${i}`))

/** What becomes of written rows, and what a read says of them. */
export const onlineWriteLaws: readonly Law<OnlineHarness>[] = [
  {
    law: 'a read answers in request order, for duplicates and for what is not there',
    async run(harness) {
      await using store = await harness.open()
      const other: Space = { ...space, view: 'routes' }
      await store.write(space, [keyed('a', packed({ event: 1 }, 'a')), keyed('b', packed({ event: 1 }, 'b'))])
      await store.write(other, [keyed('a', packed({ event: 2 }, 'other'))])
      const keys = ['b', 'none', 'a', 'b'].map((k) => Buffer.from(k))
      const found = await readRows(store, [
        { space, keys },
        { space: other, keys: [Buffer.from('a')] },
        { space, keys: [] },
      ])
      assert.deepEqual(
        found.map((rows) => rows.length),
        [4, 1, 0],
      )
      assertRow(found[0]?.[0], packed({ event: 1 }, 'b'), 'b')
      assertRow(found[0]?.[1], null, 'none')
      assertRow(found[0]?.[2], packed({ event: 1 }, 'a'), 'a')
      assertRow(found[0]?.[3], packed({ event: 1 }, 'b'), 'b again')
      assertRow(found[1]?.[0], packed({ event: 2 }, 'other'), 'a of the other view')
      assert.deepEqual(await readRows(store, []), [])
    },
  },
  {
    law: 'a write wins only if it is later: by event, created, reading, tie, in this order; a missing created is the oldest',
    async run(harness) {
      await using store = await harness.open()
      const ascending = [
        packed({ event: -5, created: 9, reading: 9, tie: 9 }),
        packed({ event: 0, reading: 9, tie: 9 }),
        packed({ event: 0, created: -9 }),
        packed({ event: 0, created: 1 }),
        packed({ event: 0, created: 1, tie: 1 }),
        packed({ event: 0, created: 1, reading: 1_700_000_000_000_000 }),
        packed({ event: 0, created: 1, reading: 1_700_000_000_000_001 }),
        packed({ event: 0, created: 1, reading: 1_700_000_000_000_001, tombstone: true }),
        packed({ event: 1 }),
      ]
      for (const [i, later] of ascending.entries()) {
        assert.deepEqual(await store.write(space, [keyed('k', later)]), ['applied'], `row ${i}`)
        for (const earlier of ascending.slice(0, i))
          assert.deepEqual(await store.write(space, [keyed('k', earlier)]), ['superseded'], `after row ${i}`)
        assertRow((await readRows(store, [{ space, keys: [Buffer.from('k')] }]))[0]?.[0], later, `row ${i}`)
      }
    },
  },
  {
    law: 'a write equal in the Order wins if its revision is not older',
    async run(harness) {
      await using store = await harness.open()
      const revision = (n: number, value: string): KeyedRow =>
        keyed('k', packed({ event: 1, created: 1, revision: n }, value))
      assert.deepEqual(
        await store.write(space, [revision(2, 'x'), revision(1, 'old'), revision(2, 'same'), revision(3, 'new')]),
        ['applied', 'superseded', 'applied', 'applied'],
      )
      await assertStored(store, space, [Buffer.from('k')], expected([revision(3, 'new')]))
      assert.deepEqual(await store.write(space, [keyed('k', packed({ event: 0, created: 1, revision: 9 }))]), [
        'superseded',
      ])
    },
  },
  {
    law: 'any order, split and repetition of the same writes ends in the same rows',
    async run(harness) {
      const random = seeded(7)
      const keys = keysOf(6)
      const writes = randomWrites(random, 240, keys)
      await using store = await harness.open()
      for (let round = 0; round < 6; round++) {
        const at: Space = { view: 'permuted', generation: BigInt(round) }
        const sent = random.shuffle([...writes, ...writes.filter(() => random.int(3) === 0)])
        for (let i = 0; i < sent.length;) {
          const size = 1 + random.int(60)
          await store.write(at, sent.slice(i, i + size))
          i += size
        }
        await assertStored(store, at, keys, expected(writes))
      }
    },
  },
  {
    law: 'writers at the same time, through several handles, end in the same rows, and no reader sees one go back',
    async run(harness) {
      const random = seeded(11)
      const keys = keysOf(5)
      const writes = randomWrites(random, 200, keys)
      await using one = await harness.open()
      await using two = await harness.open()
      const sends = random
        .shuffle([...writes, ...writes])
        .map((write, i) => (i % 2 === 0 ? one : two).write(space, [write]))
      const seen: KeyedRow[][] = []
      for (let i = 0; i < 5; i++) {
        const [rows] = await readRows(i % 2 === 0 ? two : one, [{ space, keys }])
        seen.push(keys.flatMap((key, k) => (rows?.[k] instanceof Uint8Array ? [{ key, row: rows[k] }] : [])))
        await Promise.all(sends.slice(i * 80, (i + 1) * 80))
      }
      await Promise.all(sends)
      await assertStored(one, space, keys, expected(writes))
      await assertStored(two, space, keys, expected(writes))
      for (const [i, rows] of seen.entries()) {
        const before = expected(seen.slice(0, i + 1).flat())
        for (const { key, row } of rows)
          assertRow(row, before.get(Buffer.from(key).toString('hex')) ?? null, `read ${i}`)
      }
    },
  },
  {
    law: 'what a write answered is seen by every handle at once, and after all were closed',
    async run(harness) {
      const rows = [keyed('a', packed({ event: 1 }, 'a')), keyed('b', packed({ event: 1, tombstone: true }))]
      {
        await using writer = await harness.open()
        await using reader = await harness.open()
        await readRows(reader, [{ space, keys: [Buffer.from('a')] }])
        await writer.write(space, rows)
        await assertStored(reader, space, [Buffer.from('a'), Buffer.from('b')], expected(rows))
      }
      await using store = await harness.open()
      await assertStored(store, space, [Buffer.from('a'), Buffer.from('b')], expected(rows))
    },
  },
  {
    law: 'bytes belong to who holds them: the store keeps its own copy, a reader may write into its own',
    async run(harness) {
      await using store = await harness.open()
      const row = packed({ event: 1 }, 'whole')
      const sent = new Uint8Array(row)
      const key = Buffer.from('k')
      await store.write(space, [{ key, row: sent }])
      sent.fill(0)
      key.fill(0)
      const [first] = await readRows(store, [{ space, keys: [Buffer.from('k'), Buffer.from('k')] }])
      await readRows(store, [{ space, keys: [Buffer.from('other')] }])
      assertRow(first?.[0], row, 'after other reads')
      first?.[0]?.fill(0)
      assertRow(first?.[1], row, 'the other answer')
      await assertStored(store, space, [Buffer.from('k')], expected([keyed('k', row)]))
    },
  },
  {
    law: 'a write of many rows is whole, in any order of keys, with values of any size',
    async run(harness) {
      await using store = await harness.open()
      const random = seeded(3)
      const rows = random.shuffle(
        Array.from({ length: 3000 }, (_, i) => keyed(`many-${i}`, packed({ event: i }, 'x'.repeat(i % 50)))),
      )
      rows.push(
        keyed('large', packed({ event: 1 }, 'L'.repeat(300_000))),
        keyed('many-7', packed({ event: 6 }, 'late')),
      )
      const outcomes = await store.write(space, rows)
      assert.equal(outcomes.length, rows.length)
      assert.deepEqual([outcomes.filter((o) => o === 'superseded').length, outcomes.at(-1)], [1, 'superseded'])
      await assertStored(
        store,
        space,
        rows.map((r) => r.key),
        expected(rows),
      )
      assert.deepEqual(await store.write(space, []), [])
    },
  },
]
