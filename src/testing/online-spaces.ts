import assert from 'node:assert/strict'
import type { OnlineStore, Space, SweepRule } from '../ports/online.ts'
import type { Law } from './law.ts'
import { longestKeyBytes } from '../ports/online.ts'
import { type OnlineHarness, assertRow, assertStored, expected, keyed, packed, readRows } from './online-rows.ts'

const space: Space = { view: 'airport_delays', generation: 1_700_000_000_000_000n }
const everything: SweepRule = { eventBefore: 1_000_000n, revisionUpTo: 1_000_000n, tombstones: true }

/** What of the store belongs together and what never does: keys, spaces, sweeps, drops, schemas. */
export const onlineSpaceLaws: readonly Law<OnlineHarness>[] = [
  {
    law: 'keys of any bytes and of every length up to the limit are kept apart; longer ones are refused',
    async run(harness) {
      await using store = await harness.open()
      const keys = [0, 1, 2, 254, 255, 256, 257, 1023, 1024, 1025, longestKeyBytes].flatMap((length) =>
        [new Uint8Array(length), new Uint8Array(length).fill(255)].slice(length === 0 ? 1 : 0),
      )
      const long: Space = { view: 'v'.repeat(63), generation: 1n }
      for (const at of [space, long]) {
        const rows = keys.map((key, i) => keyed(key, packed({ event: i })))
        await store.write(at, rows)
        await assertStored(store, at, keys, expected(rows))
      }
      const tooLong = keyed(new Uint8Array(longestKeyBytes + 1), packed({ event: 1 }))
      await assert.rejects(store.write(space, [keyed('fine', packed({ event: 1 })), tooLong]), { code: 'KEY_TOO_LONG' })
      assertRow(
        (await readRows(store, [{ space, keys: [Buffer.from('fine')] }]))[0]?.[0],
        null,
        'nothing of a refused write is stored',
      )
    },
  },
  {
    law: 'spaces never see each other, whatever the views and generations are called',
    async run(harness) {
      await using store = await harness.open()
      const spaces = trickySpaces()
      const keys = ['', '\0', 'a', '\0\0\0\0\0\0\0\x01', ...spaces.map((s) => s.view)].map((k) =>
        Buffer.from(k, 'latin1'),
      )
      const rowsOf = (i: number) => keys.map((key, k) => keyed(key, packed({ event: i * 100 + k }, `space ${i}`)))
      for (const [i, at] of spaces.entries()) {
        assert.deepEqual(new Set(await store.write(at, rowsOf(i))), new Set(['applied']))
        await store.birth(at, BigInt(i))
      }
      const check = async (gone: ReadonlySet<number>): Promise<void> => {
        for (const [i, at] of spaces.entries()) {
          await assertStored(store, at, keys, gone.has(i) ? new Map() : expected(rowsOf(i)))
          assert.equal((await store.readMarks([at]))[0]?.cursor, gone.has(i) ? null : BigInt(i))
        }
      }
      await check(new Set())
      const gone = new Set<number>()
      for (let i = 0; i < spaces.length; i += 3) {
        const at = spaces[i]
        if (at !== undefined) await store.drop(at)
        gone.add(i)
        await check(gone)
      }
    },
  },
  {
    law: 'a sweep frees exactly the rows of its rule, whatever the size of its slices',
    async run(harness) {
      await using store = await harness.open()
      const neighbour: Space = { ...space, generation: space.generation + 1n }
      const all = Array.from({ length: 2600 }, (_, i) =>
        keyed(`k${i}`, packed({ event: i % 10, revision: 1 + (i % 3), tombstone: i % 7 === 0 })),
      )
      await store.write(space, all)
      await store.write(neighbour, all)
      const left = new Map(expected(all))
      for (const rule of [
        { eventBefore: 5n, revisionUpTo: 2n, tombstones: false },
        { eventBefore: 5n, revisionUpTo: 2n, tombstones: true },
        { eventBefore: 5n, revisionUpTo: 2n, tombstones: true },
        { eventBefore: 10n, revisionUpTo: 3n, tombstones: true },
      ]) {
        let due = 0
        for (const [i, { key }] of all.entries()) {
          const name = Buffer.from(key).toString('hex')
          const matches =
            BigInt(i % 10) < rule.eventBefore &&
            BigInt(1 + (i % 3)) <= rule.revisionUpTo &&
            (rule.tombstones || i % 7 !== 0)
          if (matches && left.delete(name)) due++
        }
        assert.equal(await sweepAll(store, space, rule), due)
        await assertStored(
          store,
          space,
          all.map((r) => r.key),
          left,
        )
      }
      await assertStored(
        store,
        neighbour,
        all.map((r) => r.key),
        expected(all),
      )
    },
  },
  {
    law: 'a sweep goes on where it was, and a slice of it is bounded',
    async run(harness) {
      await using store = await harness.open()
      const many = Array.from({ length: 11_000 }, (_, i) => keyed(`k${i}`, packed({ event: 1 })))
      await store.write(space, many)
      const slice = await store.sweep(space, everything)
      assert.ok(slice.next !== null && slice.freed <= 10_000, 'a slice is bounded')
      const second = await store.sweep(space, everything, slice.next)
      assert.equal(slice.freed + second.freed + (await sweepAll(store, space, everything)), many.length)
    },
  },
  {
    law: 'a drop frees rows and marks of its space and may be repeated; rows written after it are new',
    async run(harness) {
      await using store = await harness.open()
      const rows = Array.from({ length: 2500 }, (_, i) => keyed(`k${i}`, packed({ event: 5 })))
      await store.drop(space)
      await store.write(space, rows)
      await store.birth(space, 7n)
      await store.drop(space)
      await store.drop(space)
      await assertStored(
        store,
        space,
        rows.map((r) => r.key),
        new Map(),
      )
      assert.deepEqual(
        (await store.readMarks([space])).map((m) => [m.cursor, m.stamp]),
        [[null, null]],
      )
      assert.deepEqual(await store.write(space, [keyed('k1', packed({ event: 1 }))]), ['applied'])
      assert.equal(await sweepAll(store, space, everything), 1)
    },
  },
  {
    law: 'a schema is the first one written under its fingerprint, for every handle and for ever',
    async run(harness) {
      await using one = await harness.open()
      await using two = await harness.open()
      assert.deepEqual(await one.schemas([{ fingerprint: 1 }, { fingerprint: 0xffff_ffff }]), [null, null])
      assert.deepEqual(
        await one.schemas([
          { fingerprint: 1, text: 'first' },
          { fingerprint: 0xffff_ffff, text: 'größer' },
          { fingerprint: 1, text: 'again' },
        ]),
        ['first', 'größer', 'first'],
      )
      assert.deepEqual(
        await two.schemas([{ fingerprint: 1, text: 'second' }, { fingerprint: 2 }, { fingerprint: 0xffff_ffff }]),
        ['first', null, 'größer'],
      )
      const raced = await Promise.all(
        [one, two, one].map(async (store, i) => store.schemas([{ fingerprint: 3, text: `racer ${i}` }])),
      )
      assert.equal(new Set(raced.flat()).size, 1)
      await one.drop(space)
      assert.deepEqual(await two.schemas([{ fingerprint: 3 }]), raced[0])
      assert.deepEqual(await one.schemas([]), [])
    },
  },
]

/** Views that begin like one another, and generations whose bytes look like the end of a name. */
function trickySpaces(): Space[] {
  const generations = [0n, 1n, 11n, 256n, -1n, 0x6161_6161_6161_6161n, 253_402_300_800_000_000n]
  return ['a', 'a1', 'aa', 'aaaaaaaaa', 'constructor', '__proto__', 'b'].flatMap((view) =>
    generations.map((generation) => ({ view, generation })),
  )
}

async function sweepAll(store: OnlineStore, at: Space, rule: SweepRule): Promise<number> {
  let freed = 0
  let after: Uint8Array | undefined
  for (let slices = 0; slices < 1000; slices++) {
    const slice = await store.sweep(at, rule, after)
    freed += slice.freed
    if (slice.next === null) return freed
    after = slice.next
  }
  throw new assert.AssertionError({ message: 'the sweep never ended' })
}
