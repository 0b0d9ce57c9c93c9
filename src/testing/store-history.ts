import assert from 'node:assert/strict'
import type { HistoricalOptions, Spine, Table } from '../contract/store.ts'
import type { WireDefinitions } from '../define/definition.ts'
import type { Law } from './law.ts'
import {
  type StoreHarness,
  type StoreUnderTest,
  hour,
  minute,
  openThings,
  putThings,
  refusal,
  second,
  things,
  wait,
} from './store-bench.ts'

/** Two views with a feature of one name. */
const twins = (): WireDefinitions => {
  const { views, ...rest } = things()
  const x = { entities: ['thing'], source: 'things', features: { x: { type: 'int64', column: 'v' } } }
  return { ...rest, views: { ...views, a: x, b: { ...x, features: { x: { type: 'int64', column: 'w' } } } } }
}

const spineAt = (t: StoreUnderTest, ...keys: (number | null)[]): Spine => keys.map((k) => ({ k, at: t.clock.now() }))

async function columns(table: Promise<Table>): Promise<Record<string, readonly unknown[]>> {
  return (await table).columns({ instants: 'micros' })
}

const nameLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'P11: output names that collide are an error naming both; full names tell views apart, not one feature from itself',
    async run(harness) {
      await using t = await harness.open()
      await putThings(t, 'first', [{ k: 1, at: 0n, v: 1 }])
      await t.store.apply(twins())
      const join = (
        features: string[],
        options: HistoricalOptions = {},
        more = {},
      ): Promise<Record<string, readonly unknown[]>> =>
        columns(t.store.historical(features, [{ k: 1, at: t.clock.now(), ...more }], { timestamp: 'at', ...options }))
      await assert.rejects(join(['a:x', 'b:x']), refusal('NAME_COLLISION', 'a:x', 'b:x'))
      const { a__x, b__x } = await join(['a:x', 'b:x'], { fullNames: true })
      assert.deepEqual([a__x, b__x], [[1], [101]])
      await assert.rejects(join(['a:x', 'a:x'], { fullNames: true }), refusal('NAME_COLLISION', 'a:x'))
      for (const name of ['x', 'X'])
        await assert.rejects(join(['a:x'], {}, { [name]: 5 }), refusal('NAME_COLLISION', `"${name}"`))
      assert.deepEqual((await join(['a:x'], { fullNames: true }, { x: 5 }))['a__x'], [1])
      await assert.rejects(join(['a:y']), refusal('UNKNOWN_NAME', 'y'))
    },
  },
  {
    law: 'a spine keeps its rows, their order and its own columns; keys and times that are missing are named',
    async run(harness) {
      await using t = await openThings(harness, [{ k: 1, at: 0n, v: 1 }])
      const at = new Date(1000)
      const rows = [
        { label: 'b', k: 1, at },
        { label: 'a', k: null, at },
        { label: 'b', k: 1, at },
        { label: 'c', k: 2, at },
      ]
      const found = await columns(t.store.historical('view', rows))
      assert.deepEqual(
        [found['label'], found['v']],
        [
          ['b', 'a', 'b', 'c'],
          [1, null, 1, null],
        ],
      )
      assert.deepEqual(Object.keys(found), ['label', 'k', 'at', 'v'])
      await assert.rejects(t.store.historical('view', [{ at }]), refusal('MISSING_KEY', '"k"'))
      await assert.rejects(
        t.store.historical('view', [{ k: 1, at }], { timestamp: 'when' }),
        refusal('MISSING_TIMESTAMP', '"when"'),
      )
      const gap = columns(
        t.store.historical(
          'view',
          [
            { k: 1, at },
            { k: 1, at: null },
          ],
          { timestamp: 'at' },
        ),
      )
      await assert.rejects(gap, refusal('MISSING_TIMESTAMP', '1'))
      const origin = await columns(t.store.historical('view@from(k=origin)', [{ origin: 1, at }]))
      assert.deepEqual(origin['from__v'], [1])
    },
  },
]

const cutoffLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'P5: what was known, by the spine row or at an instant; sources that changed since are named',
    async run(harness) {
      await using t = await harness.open()
      const now = t.clock.now()
      await putThings(t, 'first', [
        { k: 1, at: now - 2n * hour, seen: now - 2n * hour, v: 10 },
        { k: 1, at: now - 2n * hour, seen: now - minute, v: 20 },
        { k: 2, at: now - 2n * hour, seen: null, v: 30 },
      ])
      await t.store.apply(things())
      const spine = [1, 2].map((k) => ({ k, at: new Date(Number((now - hour) / 1000n)) }))
      const join = async (options: HistoricalOptions): Promise<unknown> =>
        (await columns(t.store.historical('view', spine, options)))['v']
      assert.deepEqual(await join({}), [20, 30])
      assert.deepEqual(await join({ knownBy: 'spine' }), [10, null])
      assert.deepEqual(await join({ asOf: now - minute }), [20, null])
      assert.deepEqual(await join({ asOf: now - minute - 1n }), [10, null])
      const table = await t.store.historical('view', spine, { asOf: now - 1n })
      assert.ok(
        table.notes.some((note) => note.includes('things')),
        table.notes.join(' '),
      )
      await table[Symbol.asyncDispose]()
      const snapshot = await columns(t.store.snapshot('view', { at: now, asOf: now - hour }))
      assert.deepEqual([snapshot['k'], snapshot['v']], [[1], [10]])
    },
  },
  {
    law: 'what was known is not asked of a source that does not say when it learned its rows',
    async run(harness) {
      await using t = await harness.open()
      await putThings(t, 'first', [{ k: 1, at: 0n, v: 1 }])
      await t.store.apply({ ...things(), sources: { things: { type: 'parquet', path: 'things', timestamp: 'at' } } })
      for (const options of [{ knownBy: 'spine' }, { asOf: t.clock.now() }] as const)
        await assert.rejects(
          t.store.historical('view', spineAt(t, 1), { ...options, timestamp: 'at' }),
          refusal('NO_CREATED_COLUMN', 'things'),
        )
      await assert.rejects(t.store.snapshot('view', { at: t.clock.now(), asOf: t.clock.now() }), {
        code: 'NO_CREATED_COLUMN',
      })
    },
  },
  {
    law: 'history answers by the head of the registry, or by the version that is named',
    async run(harness) {
      await using t = await openThings(harness, [{ k: 1, at: 0n, v: 1 }])
      const first = await t.store.registry()
      await t.store.apply(things({ features: { v: { type: 'int64', column: 'w' } } }), { allowBreaking: true })
      const join = async (registryVersion?: number): Promise<unknown> =>
        (
          await columns(
            t.store.historical('view', spineAt(t, 1), {
              timestamp: 'at',
              ...(registryVersion === undefined ? {} : { registryVersion }),
            }),
          )
        )['v']
      assert.deepEqual([await join(), await join(first.version)], [[101], [1]])
      await t.store.apply({ ...things(), views: {} }, { allowBreaking: true })
      await assert.rejects(join(), { code: 'UNKNOWN_NAME' })
      assert.deepEqual(await join(first.version), [1])
      await assert.rejects(join(99), { code: 'UNKNOWN_VERSION' })
    },
  },
]

const spinelessLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'events are the rows of an interval, by keys and then the Order, equal ones once, deleted or not',
    async run(harness) {
      await using t = await harness.open()
      const now = t.clock.now()
      const at = (n: number): bigint => now - BigInt(n) * second
      await putThings(t, 'first', [
        { k: 2, at: at(10), v: 1 },
        { k: 1, at: at(20), v: 3 },
        { k: 1, at: at(20), v: 2 },
      ])
      await putThings(t, 'second', [
        { k: 1, at: at(20), v: 2 },
        { k: 1, at: at(30), v: 9 },
        { k: 1, at: at(5), v: 9 },
      ])
      await t.store.apply(things())
      await t.store.push('view', [{ k: 1, at: at(20), seen: at(21), v: 7 }])
      // Equal to rows of a file, in one way or another.
      await t.store.push('things', [
        { k: 2, at: at(10), seen: at(10), v: 1, w: 5 },
        { k: 2, at: at(10), seen: at(10), v: 1, w: 6 },
      ])
      await t.store.push('view', [
        { k: 1, at: at(20), seen: at(20), v: 3 },
        { k: 1, at: at(20), seen: at(20), v: null },
        { k: 1, at: at(20), seen: at(20), v: null },
      ])
      await t.store.delete('view', { k: 1 }, { at: at(15) })
      const events = await columns(t.store.events('view', { start: at(20), end: at(5) }))
      assert.deepEqual(events, {
        k: [1, 1, 1, 1, 2],
        event_timestamp: [at(20), at(20), at(20), at(20), at(10)],
        created_timestamp: [at(21), at(20), at(20), at(20), at(10)],
        v: [7, null, 2, 3, 1],
      })
      await assert.rejects(t.store.events('view', { start: now, end: now }), { code: 'BAD_REQUEST' })
      await assert.rejects(t.store.events(['view', 'veiw'], { start: 0n, end: now }), { code: 'UNKNOWN_NAME' })
    },
  },
  {
    law: 'a snapshot is the latest row of each entity at an instant, within the ttl unless asked for, deleted ones left out',
    async run(harness) {
      await using t = await harness.open()
      const now = t.clock.now()
      await putThings(t, 'first', [
        { k: 3, at: now - minute, v: 3 },
        { k: 1, at: now - hour, v: 1 },
        { k: 1, at: now + 1n, v: 11 },
        { k: 2, at: now - hour - 1n, v: 2 },
      ])
      await t.store.apply(things({ ttl: '1h' }))
      const take = async (at: bigint, includeExpired = false): Promise<unknown> => {
        const found = await columns(t.store.snapshot('view', { at, includeExpired }))
        return [found['k'], found['event_timestamp'], found['v']]
      }
      assert.deepEqual(await take(now), [
        [1, 3],
        [now - hour, now - minute],
        [1, 3],
      ])
      assert.deepEqual(await take(now, true), [
        [1, 2, 3],
        [now - hour, now - hour - 1n, now - minute],
        [1, 2, 3],
      ])
      assert.deepEqual(await take(now + 1n), [
        [1, 3],
        [now + 1n, now - minute],
        [11, 3],
      ])
      wait(t, second)
      await t.store.delete('view', { k: 3 })
      assert.deepEqual(await take(t.clock.now()), [[1], [now + 1n], [11]])
      assert.deepEqual(await take(now), [
        [1, 3],
        [now - hour, now - minute],
        [1, 3],
      ])
      await assert.rejects(t.store.snapshot(['view@a', 'view@b'], { at: now }), { code: 'BAD_REQUEST' })
    },
  },
]

/** Historical reads through the store: names (P11), cutoffs (P5), versions, events and snapshots. */
export const storeHistoryLaws: readonly Law<StoreHarness>[] = [...nameLaws, ...cutoffLaws, ...spinelessLaws]
