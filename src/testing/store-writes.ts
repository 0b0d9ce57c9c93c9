import assert from 'node:assert/strict'
import type { Law } from './law.ts'
import {
  type StoreHarness,
  type StoreUnderTest,
  hour,
  materialize,
  minute,
  openThings,
  refusal,
  remembered,
  second,
  served,
  servedTimes,
  things,
  wait,
} from './store-bench.ts'

const before = (t: StoreUnderTest, us: bigint): bigint => t.clock.now() - us

const pushLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'a pushed row is served and history at once; rows of a source are rows of every view over it',
    async run(harness) {
      await using t = await harness.open()
      const { views, ...rest } = things()
      const other = { entities: ['thing'], source: 'things', features: { w: 'int64' } }
      await t.put('things', 'first', {
        columns: [
          { name: 'k', type: 'int64' },
          { name: 'at', type: 'timestamp' },
          { name: 'seen', type: 'timestamp' },
          { name: 'v', type: 'int64' },
          { name: 'w', type: 'int64' },
        ],
        rows: [],
      })
      await t.store.apply({ ...rest, views: { ...views, other } })
      assert.deepEqual(await t.store.push('things', [{ k: 1, at: t.clock.now(), v: 1, w: 2 }]), {
        accepted: 1,
        superseded: 0,
        rejected: [],
      })
      assert.deepEqual([await served(t, [1]), await served(t, [1], 'other:w')], [[1], [2]])
      await t.store.push('view', [{ k: 1, at: t.clock.now() + 1n, v: 3 }])
      assert.deepEqual([await served(t, [1]), await served(t, [1], 'other:w')], [[3], [2]])
      wait(t, second)
      assert.deepEqual(await remembered(t, [1]), [3])
      await assert.rejects(t.store.push('thing', []), refusal('UNKNOWN_NAME'))
    },
  },
  {
    law: 'a push is a whole row: what it leaves out is null; an older one is superseded, and still history',
    async run(harness) {
      await using t = await openThings(harness, [], { features: { v: 'int64', w: 'int64' } })
      await t.store.push('view', [{ k: 1, at: before(t, minute), v: 1, w: 2 }])
      await t.store.push('view', [{ k: 1, at: before(t, second), w: 3 }])
      assert.deepEqual([await served(t, [1]), await served(t, [1], 'view:w')], [['NULL_VALUE'], [3]])
      const late = await t.store.push('view', [
        { k: 1, at: before(t, hour), v: 9 },
        { k: 2, at: before(t, hour), v: 9 },
      ])
      assert.deepEqual(late, { accepted: 1, superseded: 1, rejected: [] })
      assert.deepEqual(await served(t, [1, 2]), ['NULL_VALUE', 9])
      const table = await t.store.historical('view:v', [
        { k: 1, at: new Date(Number(before(t, 30n * minute) / 1000n)) },
      ])
      assert.deepEqual((await table.columns())['v'], [9])
    },
  },
  {
    law: 'of equal event times the later created wins, and of equal rows one is as good as the other',
    async run(harness) {
      await using t = await openThings(harness, [])
      const at = before(t, minute)
      await t.store.push('view', [{ k: 1, at, seen: at + 2n, v: 1 }])
      await t.store.push('view', [{ k: 1, at, seen: at + 1n, v: 2 }])
      assert.deepEqual(await served(t, [1]), [1])
      assert.equal((await t.store.push('view', [{ k: 1, at, seen: at + 2n, v: 1 }])).accepted, 1)
      assert.deepEqual(await remembered(t, [1]), [1])
      // Rows that tie in both are settled alike online and in history, whichever came first.
      for (const [k, values] of [
        [2, [1, 2, 3]],
        [3, [3, 2, 1]],
      ] as const)
        for (const v of values) await t.store.push('view', [{ k, at, seen: at, v }])
      assert.deepEqual(await remembered(t, [2, 3]), await served(t, [2, 3]))
      const [tied] = await served(t, [2])
      await materialize(t, { repair: true })
      assert.deepEqual(await served(t, [2]), [tied])
    },
  },
  {
    law: '`online` rows are served and no join sees them, also after the store was emptied; `offline` rows are history only',
    async run(harness) {
      await using t = await openThings(harness, [])
      await t.store.push('view', [{ k: 1, at: before(t, second), v: 1 }], { to: 'online' })
      await t.store.push('view', [{ k: 2, at: before(t, second), v: 2 }], { to: 'offline' })
      assert.deepEqual(await served(t, [1, 2]), [1, 'NOT_FOUND'])
      assert.deepEqual(await remembered(t, [1, 2]), [null, 2])
      await t.wipeOnline()
      await t.store.maintain()
      assert.deepEqual(await served(t, [1, 2]), [1, 'NOT_FOUND'])
      await materialize(t)
      assert.deepEqual(await served(t, [1, 2]), [1, 2])
    },
  },
  {
    law: 'five minutes ahead is good and served at once, a microsecond more is refused',
    async run(harness) {
      await using t = await openThings(harness, [])
      const limit = t.clock.now() + 5n * minute
      const answer = await t.store.push('view', [
        { k: 1, at: limit, v: 1 },
        { k: 2, at: limit + 1n, v: 2 },
        { k: 3, at: t.clock.now(), seen: limit + 1n, v: 3 },
      ])
      assert.equal(answer.accepted, 1)
      assert.deepEqual(
        answer.rejected.map(({ row, code }) => [row, code]),
        [
          [1, 'FUTURE_TIME'],
          [2, 'FUTURE_TIME'],
        ],
      )
      assert.deepEqual(await served(t, [1, 2, 3]), [1, 'NOT_FOUND', 'NOT_FOUND'])
      assert.deepEqual(await remembered(t, [1]), [null])
    },
  },
]

const deadLetterLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'bad rows become dead letters as they were sent, and good ones are kept; replayed, those that are good now leave the list',
    async run(harness) {
      await using t = await openThings(harness, [])
      const at = '2025-12-31T23:59:00Z'
      const rows = [
        { k: 1, at, v: 1 },
        { k: 2, at, v: 2, w: 9_007_199_254_740_993n },
        { k: 3, at, v: 'three' },
        { k: null, at, v: 4 },
        { at, v: 5 },
        { k: 6, v: 6 },
      ]
      const answer = await t.store.push('view', rows, { form: 'json' })
      const codes = ['UNKNOWN_COLUMN', 'BAD_VALUE', 'NULL_KEY', 'MISSING_KEY', 'NULL_TIMESTAMP']
      assert.deepEqual(
        [answer.accepted, answer.rejected.map(({ row, code }) => [row, code])],
        [1, codes.map((code, i) => [i + 1, code])],
      )
      assert.ok(answer.rejected[1]?.detail.includes('"v"'))
      const { deadLetters } = await t.store.deadLetters({ source: 'view' })
      assert.deepEqual(
        deadLetters.map((d) => [d.row, d.code, d.source]),
        codes.map((code, i) => [rows[i + 1], code, 'view']),
      )
      const page = await t.store.deadLetters({ limit: 2 })
      const next = await t.store.deadLetters({ limit: 9, ...(page.next === undefined ? {} : { after: page.next }) })
      assert.deepEqual([...page.deadLetters, ...next.deadLetters], deadLetters)
      await t.store.apply(things({ features: { v: 'int64', w: 'int64' } }))
      assert.deepEqual(await t.store.replayDeadLetters(), { replayed: 5, accepted: 1, rejected: 4 })
      assert.deepEqual(
        (await t.store.deadLetters()).deadLetters.map((d) => d.id),
        deadLetters.slice(1).map((d) => d.id),
      )
      const exact = await t.store.online('view:w', [{ k: 2 }], { int64: 'bigint' })
      assert.deepEqual(exact[0], { w: 9_007_199_254_740_993n })
      assert.deepEqual(await t.store.replayDeadLetters({ ids: deadLetters.slice(0, 2).map((d) => d.id) }), {
        replayed: 1,
        accepted: 0,
        rejected: 1,
      })
    },
  },
  {
    law: 'a push without a good row is refused as a whole, and its rows are dead letters too',
    async run(harness) {
      await using t = await openThings(harness, [])
      await assert.rejects(t.store.push('view', [{ k: 'one', at: 0n, v: 1 }]), refusal('BAD_VALUE', '"k"'))
      assert.equal((await t.store.deadLetters()).deadLetters.length, 1)
      const many = Array.from({ length: 10_001 }, () => ({ k: 1, at: 0n, v: 1 }))
      await assert.rejects(t.store.push('view', many), { code: 'PAYLOAD_TOO_LARGE' })
      assert.deepEqual(await t.store.push('view', []), { accepted: 0, superseded: 0, rejected: [] })
    },
  },
]

const retryLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'a retry with its key is answered as the first time and is no second row; another body is refused; a day later the key is free',
    async run(harness) {
      await using t = await openThings(harness, [])
      const rows = [
        { k: 1, at: before(t, minute), v: 1 },
        { k: 1, at: before(t, second), v: 2 },
        { k: 2, v: 3 },
      ]
      const retry = { idempotencyKey: 'first' }
      const first = await t.store.push('view', rows, retry)
      assert.deepEqual([first.accepted, first.superseded, first.rejected.length], [1, 1, 1])
      wait(t, minute)
      await t.store.push('view', [{ k: 1, at: t.clock.now(), v: 4 }])
      assert.deepEqual(await t.store.push('view', rows, retry), first)
      assert.equal((await t.store.deadLetters()).deadLetters.length, 1)
      const events = await t.store.events('view', { start: before(t, hour), end: t.clock.now() + 1n })
      assert.deepEqual((await events.columns())['v'], [1, 2, 4])
      assert.deepEqual(await served(t, [1]), [4])
      await assert.rejects(t.store.push('view', rows.slice(1), retry), { code: 'IDEMPOTENCY_MISMATCH' })
      await assert.rejects(t.store.push('view', rows, { ...retry, to: 'offline' }), { code: 'IDEMPOTENCY_MISMATCH' })
      wait(t, 24n * hour)
      assert.equal((await t.store.push('view', [{ k: 1, at: t.clock.now(), v: 5 }], retry)).accepted, 1)
      await assert.rejects(t.store.push('view', rows, { idempotencyKey: '' }), { code: 'BAD_REQUEST' })
    },
  },
  {
    law: 'pushes with one key at once are one push',
    async run(harness) {
      await using t = await openThings(harness, [])
      const push = async (): Promise<unknown> =>
        t.store.push('view', [{ k: 1, at: before(t, second), v: 1 }], { idempotencyKey: 'k' })
      const answers = await Promise.all(Array.from({ length: 8 }, push))
      assert.deepEqual(
        new Set(answers.map((a) => JSON.stringify(a))),
        new Set([JSON.stringify({ accepted: 1, superseded: 0, rejected: [] })]),
      )
    },
  },
]

const deleteLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'a delete is honoured online and by history from its instant on, and survives a rebuild; a later row comes after it',
    async run(harness) {
      await using t = await openThings(harness, [
        { k: 1, at: 0n, v: 1 },
        { k: 2, at: 0n, v: 2 },
      ])
      await materialize(t)
      assert.deepEqual(await t.store.delete('view', { k: 1 }), { deleted: true })
      assert.deepEqual(await t.store.delete('view', { k: 1 }), { deleted: false })
      assert.deepEqual(await t.store.delete('view', { k: 7 }), { deleted: false })
      const spine = [before(t, 1n), t.clock.now()].map((at) => ({ k: 1n, event_timestamp: at }))
      const history = async (): Promise<unknown> => (await (await t.store.historical('view', spine)).columns())['v']
      for (const repair of [false, true]) {
        assert.deepEqual(await served(t, [1, 2]), ['NOT_FOUND', 2])
        assert.deepEqual(await servedTimes(t, [1]), [null])
        assert.deepEqual(
          [await remembered(t, [1, 2]), await history()],
          [
            [null, 2],
            [1, null],
          ],
        )
        await materialize(t, { repair })
      }
      await t.wipeOnline()
      await materialize(t)
      assert.deepEqual(await served(t, [1, 2]), ['NOT_FOUND', 2])
      wait(t, second)
      await t.store.push('view', [{ k: 1, at: t.clock.now(), v: 3 }])
      assert.deepEqual([await served(t, [1]), await remembered(t, [1])], [[3], [3]])
    },
  },
  {
    law: 'a delete in the past leaves a later row alone; one of this instant beats a row that a fast clock wrote',
    async run(harness) {
      await using t = await openThings(harness, [])
      await t.store.push('view', [{ k: 1, at: before(t, second), v: 1 }])
      assert.deepEqual(await t.store.delete('view', { k: 1 }, { at: before(t, minute) }), { deleted: false })
      assert.deepEqual([await served(t, [1]), await remembered(t, [1])], [[1], [1]])
      assert.deepEqual(await t.store.delete('view', { k: 1 }, { at: before(t, second) }), { deleted: true })
      assert.deepEqual([await served(t, [1]), await remembered(t, [1])], [['NOT_FOUND'], [null]])
      const ahead = t.clock.now() + 4n * minute
      await t.store.push('view', [{ k: 2, at: ahead, seen: ahead, v: 2 }])
      assert.deepEqual(await served(t, [2]), [2])
      assert.deepEqual(await t.store.delete('view', { k: 2 }), { deleted: true })
      assert.deepEqual(await served(t, [2]), ['NOT_FOUND'])
      t.clock.set(ahead)
      assert.deepEqual(await remembered(t, [2]), [null])
      await assert.rejects(t.store.delete('view', { k: 2 }, { at: ahead + 6n * minute }), { code: 'FUTURE_TIME' })
      await assert.rejects(t.store.delete('view', {}), refusal('MISSING_KEY', '"k"'))
      await assert.rejects(t.store.delete('view', { k: null }), { code: 'NULL_KEY' })
    },
  },
]

/** Pushes, dead letters, retries and deletes. */
export const storeWriteLaws: readonly Law<StoreHarness>[] = [
  ...pushLaws,
  ...deadLetterLaws,
  ...retryLaws,
  ...deleteLaws,
]
