import assert from 'node:assert/strict'
import { readHeader } from '../codecs/packed-row.ts'
import type { Held, OnlineMarks } from '../ports/marks.ts'
import type { KeyedRow, OnlineStore, Space, SweepRule } from '../ports/online.ts'
import type { Law } from './law.ts'
import { type OnlineHarness, keyed, packed, randomWrites, readRows } from './online-rows.ts'
import { seeded } from './seeded.ts'

const space: Space = { view: 'airport_delays', generation: 1_700_000_000_000_000n }
const everything: SweepRule = { eventBefore: 1_000_000n, revisionUpTo: 1_000_000n, tombstones: true }

/** What a store says that a space holds. */
async function heldIn(store: OnlineMarks, at: Space): Promise<Held | null> {
  const [marks] = await store.readMarks([at])
  assert.ok(marks !== undefined, 'a space is answered')
  return marks.held
}

/** Counted by reading every row. */
async function recount(store: OnlineStore, at: Space, keys: readonly Uint8Array[]): Promise<number> {
  const [rows] = await readRows(store, [{ space: at, keys }])
  return (rows ?? []).filter((row) => row !== null && !readHeader(row).tombstone).length
}

function newestOf(before: bigint | null, writes: readonly KeyedRow[]): bigint | null {
  return writes
    .map(({ row }) => readHeader(row))
    .filter((header) => !header.tombstone)
    .reduce<bigint | null>((a, { order }) => (a === null || order.event > a ? order.event : a), before)
}

async function sweepAll(store: OnlineStore, at: Space, rule: SweepRule): Promise<void> {
  let after: Uint8Array | undefined
  do after = (await store.sweep(at, rule, after)).next ?? undefined
  while (after !== undefined)
}

/** What a space holds: rows and the newest event time. */
export const onlineHeldLaws: readonly Law<OnlineHarness>[] = [
  {
    law: 'what a space holds is counted as it is written, replaced, deleted, swept and dropped, by any handle',
    async run(harness) {
      const random = seeded(23)
      const keys = Array.from({ length: 12 }, (_, i) => Buffer.from(`key-${i}`))
      await using one = await harness.open()
      await using two = await harness.open()
      const spaces = [space, { ...space, generation: 1n }]
      const newest = new Map<Space, bigint | null>(spaces.map((at) => [at, null]))
      for (let step = 0; step < 120; step++) {
        const at = random.pick(spaces)
        const store = random.pick([one, two])
        const choice = random.int(12)
        if (choice === 0) {
          await store.drop(at)
          newest.set(at, null)
        } else if (choice < 4) {
          await sweepAll(store, at, {
            eventBefore: BigInt(random.int(5) - 2),
            revisionUpTo: BigInt(1 + random.int(2)),
            tombstones: random.int(2) === 0,
          })
        } else {
          const writes = randomWrites(random, 1 + random.int(20), keys)
          const half = random.int(writes.length)
          await Promise.all([one.write(at, writes.slice(0, half)), two.write(at, writes.slice(half))])
          newest.set(at, newestOf(newest.get(at) ?? null, writes))
        }
        for (const each of spaces)
          assert.deepEqual(
            await heldIn(random.pick([one, two]), each),
            { rows: await recount(store, each, keys), newestEvent: newest.get(each) ?? null },
            `step ${step}`,
          )
      }
    },
  },
  {
    law: 'what a space holds is counted over many rows',
    async run(harness) {
      await using store = await harness.open()
      const rows = Array.from({ length: 12_000 }, (_, i) =>
        keyed(`k${i}`, packed({ event: i % 10, revision: 1 + (i % 2), tombstone: i % 4 === 0 })),
      )
      await store.write(space, rows)
      assert.deepEqual(await heldIn(store, space), { rows: 9000, newestEvent: 9n })
      await store.write(space, rows)
      assert.deepEqual(await heldIn(store, space), { rows: 9000, newestEvent: 9n })
      await sweepAll(store, space, { ...everything, eventBefore: 5n, tombstones: false })
      assert.deepEqual(await heldIn(store, space), { rows: 4800, newestEvent: 9n })
      await sweepAll(store, space, everything)
      assert.deepEqual(await heldIn(store, space), { rows: 0, newestEvent: 9n })
      await store.drop(space)
      assert.deepEqual(await heldIn(store, space), { rows: 0, newestEvent: null })
    },
  },
  {
    law: 'tombstones are no rows and make nothing newer; the newest event time stays when its row goes',
    async run(harness) {
      await using store = await harness.open()
      assert.deepEqual(await heldIn(store, space), { rows: 0, newestEvent: null })
      await store.write(space, [keyed('a', packed({ event: 7, tombstone: true }))])
      assert.deepEqual(await heldIn(store, space), { rows: 0, newestEvent: null })
      await store.write(space, [keyed('a', packed({ event: 5 })), keyed('b', packed({ event: -3 }))])
      assert.deepEqual(await heldIn(store, space), { rows: 1, newestEvent: 5n }, 'whatever came first')
      await store.write(space, [keyed('b', packed({ event: 9, tombstone: true }))])
      assert.deepEqual(await heldIn(store, space), { rows: 0, newestEvent: 5n })
    },
  },
  {
    law: 'birth, cursor and stamp leave what is held as it is, and a copy that is put back brings its own',
    async run(harness) {
      await using store = await harness.open()
      await store.write(space, [keyed('a', packed({ event: 1 })), keyed('b', packed({ event: 2 }))])
      await store.birth(space, 3n)
      const [marks] = await store.readMarks([space])
      const incarnation = marks?.incarnation ?? ''
      const restore = await harness.backup()
      await store.moveCursor(space, 8n, incarnation)
      const change = { from: marks?.stamp ?? null, to: { attempt: 4n, state: 'open' }, incarnation } as const
      assert.ok(await store.swapStamp(space, change))
      assert.deepEqual(await heldIn(store, space), { rows: 2, newestEvent: 2n })
      await store.write(space, [keyed('c', packed({ event: 6 }))])
      assert.deepEqual(await heldIn(store, space), { rows: 3, newestEvent: 6n })
      await restore()
      assert.deepEqual(await heldIn(store, space), { rows: 2, newestEvent: 2n })
    },
  },
]
