import assert from 'node:assert/strict'
import type { Law } from './law.ts'
import {
  type StoreHarness,
  hour,
  materialize,
  minute,
  openThings,
  putThings,
  refusal,
  remembered,
  second,
  served,
  shown,
  things,
  upToNow,
  wait,
} from './store-bench.ts'

const breaking = { allowBreaking: true }
const two = [
  { k: 1, at: 0n, v: 1 },
  { k: 2, at: 0n, v: 2 },
]

const revisionLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'an added feature reads NULL_VALUE until it is materialized; the rows go on serving in the same generation',
    async run(harness) {
      await using t = await openThings(harness, two)
      await materialize(t)
      const before = await shown(t)
      await t.store.apply(things({ features: { v: 'int64', w: 'int64' } }))
      assert.deepEqual(await served(t, [1, 2]), [1, 2])
      assert.deepEqual(await served(t, [1, 2, 3], 'view:w'), ['NULL_VALUE', 'NULL_VALUE', 'NOT_FOUND'])
      assert.deepEqual(await shown(t), { ...before, coverage: [] })
      assert.deepEqual(await remembered(t, [1, 2], 'w'), [101, 102])
      await materialize(t)
      assert.deepEqual(await served(t, [1, 2], 'view:w'), [101, 102])
      assert.deepEqual(await served(t, [1, 2]), [1, 2])
      assert.deepEqual(await shown(t), { ...before, coverage: upToNow(t) })
    },
  },
  {
    law: 'a removed feature is gone at once, and nothing else changes; added again it is read again',
    async run(harness) {
      await using t = await openThings(harness, two, { features: { v: 'int64', w: 'int64' } })
      await materialize(t)
      const before = await shown(t)
      await t.store.apply(things(), breaking)
      await assert.rejects(served(t, [1], 'view:w'), refusal('UNKNOWN_NAME', 'w'))
      assert.deepEqual(await served(t, [1]), [1])
      assert.deepEqual(await shown(t), before)
      await t.store.push('view', [{ k: 1, at: t.clock.now(), v: 10 }])
      await t.store.apply(things({ features: { v: 'int64', w: 'int64' } }))
      assert.deepEqual((await shown(t)).coverage, [])
      await materialize(t)
      assert.deepEqual(await served(t, [1, 2], 'view:w'), ['NULL_VALUE', 102])
      assert.deepEqual(await remembered(t, [1, 2], 'w'), [null, 102])
    },
  },
  {
    law: 'rows that tie are settled by the features that there are: without the first of them another row may win',
    async run(harness) {
      const ties = [
        { k: 1, at: 0n, v: 1, w: 9 },
        { k: 1, at: 0n, v: 2, w: 1 },
      ]
      await using t = await openThings(harness, ties, { features: { v: 'int64', w: 'int64' } })
      await materialize(t)
      assert.deepEqual([await served(t, [1]), await served(t, [1], 'view:w')], [[2], [1]])
      await t.store.apply(things({ features: { w: 'int64' } }), breaking)
      assert.deepEqual(await remembered(t, [1], 'w'), [9])
      await materialize(t)
      assert.deepEqual(await served(t, [1], 'view:w'), [9])
    },
  },
  {
    law: 'a raised ttl starts a revision: rows that were too old come back; a lowered one changes nothing stored',
    async run(harness) {
      await using t = await openThings(harness, [], { ttl: '1h' })
      await putThings(t, 'second', [{ k: 1, at: t.clock.now() - 2n * hour, v: 1 }])
      await materialize(t)
      const before = await shown(t)
      assert.deepEqual(await served(t, [1]), ['OUTSIDE_MAX_AGE'])
      await t.store.apply(things({ ttl: '3h' }))
      assert.deepEqual(await shown(t), { ...before, coverage: [] })
      await materialize(t)
      assert.deepEqual(await served(t, [1]), [1])
      const raised = await shown(t)
      await t.store.apply(things({ ttl: '30m' }))
      assert.deepEqual(await served(t, [1]), ['OUTSIDE_MAX_AGE'])
      assert.deepEqual(await shown(t), raised)
      await t.store.apply(things({ ttl: '0' }))
      await materialize(t)
      assert.deepEqual(await served(t, [1]), [1])
    },
  },
]

const generationLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'a changed meaning is built beside the old one, which serves by its own definition until the switch',
    async run(harness) {
      await using t = await openThings(harness, two)
      await materialize(t)
      const before = await shown(t)
      const changed = things({ features: { v: { type: 'int64', column: 'w' }, more: { type: 'int64', column: 'v' } } })
      await assert.rejects(t.store.apply({ ...changed, services: { model: { features: ['view:nothing'] } } }), {
        code: 'UNKNOWN_FEATURE',
      })
      await t.store.apply(changed, breaking)
      assert.equal((await shown(t)).generation, before.generation)
      assert.notEqual((await shown(t)).building, undefined)
      const whole = await t.store.online('view', [{ k: 1 }])
      assert.deepEqual([whole.features, whole[0]], [['v'], { v: 1 }])
      await assert.rejects(served(t, [1], 'view:more'), refusal('NOT_MATERIALIZED', 'more'))
      assert.deepEqual(await remembered(t, [1, 2]), [101, 102])
      await t.store.push('view', [{ k: 3, at: t.clock.now(), v: 103, more: 3 }])
      await t.store.maintain()
      assert.deepEqual(await served(t, [1, 2]), [1, 2], 'an empty generation does not serve')
      await materialize(t)
      assert.deepEqual(await served(t, [1, 2, 3]), [101, 102, 103])
      assert.deepEqual(await served(t, [1, 2, 3], 'view:more'), [1, 2, 3])
      assert.deepEqual([(await shown(t)).building, (await shown(t)).coverage], [undefined, upToNow(t)])
    },
  },
  {
    law: 'of a feature of a wider type the values of before serve until those of the wider type are built',
    async run(harness) {
      await using t = await harness.open()
      const columns = [
        { name: 'k', type: 'int64' },
        { name: 'at', type: 'timestamp' },
        { name: 'v', type: 'int32' },
      ] as const
      await t.put('narrow', 'first', { columns, rows: [[1n, 0n, 1]] })
      const sources = { narrow: { type: 'parquet', path: 'narrow', timestamp: 'at' } }
      const as = (type: string) => ({ ...things({ source: 'narrow', features: { v: type } }), sources })
      await t.store.apply(as('int32'))
      await materialize(t)
      await t.store.push('view', [{ k: 2, at: 0n, v: 2 }])
      await t.store.apply(as('int64'), breaking)
      await t.store.maintain()
      assert.deepEqual(await served(t, [1, 2]), [1, 2])
      assert.deepEqual((await t.store.online('view', [{ k: 1 }])).types, ['int32'])
      await t.store.push('view', [{ k: 3, at: 0n, v: 3 }])
      assert.deepEqual(await served(t, [1, 2, 3]), [1, 2, 'NULL_VALUE'], 'what is wider does not fit the old rows')
      await materialize(t)
      assert.deepEqual(await served(t, [1, 2, 3]), [1, 2, 3])
      assert.deepEqual((await t.store.online('view', [{ k: 1 }])).types, ['int64'])
    },
  },
  {
    law: 'a generation with less coverage does not serve, and the run says what is missing; the rest makes it serve',
    async run(harness) {
      await using t = await openThings(harness, two)
      const now = t.clock.now()
      await putThings(t, 'second', [{ k: 3, at: now - minute, v: 3 }])
      await materialize(t)
      await t.store.apply(things({ features: { v: { type: 'int64', column: 'w' } } }), breaking)
      const run = await materialize(t, { start: now - hour })
      assert.ok(
        run.notes.some((note) => note.includes('does not serve yet')),
        run.notes.join(' '),
      )
      assert.deepEqual(await served(t, [1, 3]), [1, 3])
      await materialize(t)
      assert.deepEqual(await served(t, [1, 3]), [101, 103])
    },
  },
  {
    law: 'after an added feature a new generation still has to cover what the old revisions cover',
    async run(harness) {
      await using t = await openThings(harness, two)
      await materialize(t)
      await t.store.apply(things({ features: { v: 'int64', w: 'int64' } }))
      await t.store.apply(things({ features: { v: { type: 'int64', column: 'w' } } }), breaking)
      await t.store.maintain()
      assert.deepEqual(await served(t, [1, 2]), [1, 2])
      await materialize(t)
      assert.deepEqual(await served(t, [1, 2]), [101, 102])
    },
  },
  {
    law: 'with a ttl, a new generation serves once it covers what is still valid',
    async run(harness) {
      const ttl = { ttl: '1h' }
      await using t = await openThings(harness, two, ttl)
      const now = t.clock.now()
      await putThings(t, 'second', [{ k: 3, at: now - minute, v: 3 }])
      await materialize(t)
      await t.store.apply(things({ ...ttl, features: { v: { type: 'int64', column: 'w' } } }), breaking)
      const run = await materialize(t, { start: now - hour })
      assert.deepEqual([run.notes, await served(t, [3])], [[], [103]])
    },
  },
  {
    law: 'a rollback brings the replaced generation back, with what was pushed meanwhile',
    async run(harness) {
      await using t = await openThings(harness, two)
      await materialize(t)
      const before = await shown(t)
      const { version } = await t.store.registry()
      await t.store.apply(things({ features: { v: { type: 'int64', column: 'w' } } }), breaking)
      await materialize(t)
      await t.store.push('things', [{ k: 2, at: t.clock.now(), v: 20, w: 120 }])
      assert.deepEqual(await served(t, [1, 2]), [101, 120])
      await t.store.rollback(version, breaking)
      await materialize(t)
      assert.deepEqual(await served(t, [1, 2]), [1, 20])
      assert.equal((await shown(t)).generation, before.generation)
      assert.deepEqual((await t.store.registry()).definitions, (await t.store.registry(version)).definitions)
    },
  },
]

const removalLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'a removed view is unknown; added again it starts empty and takes over what was pushed',
    async run(harness) {
      await using t = await openThings(harness, two)
      await t.store.push('view', [{ k: 9, at: t.clock.now(), v: 9 }])
      await materialize(t)
      const before = await shown(t)
      await t.store.apply({ ...things(), views: {} }, breaking)
      await assert.rejects(served(t, [1]), { code: 'UNKNOWN_NAME' })
      await assert.rejects(t.store.materialize('view'), { code: 'UNKNOWN_NAME' })
      await assert.rejects(t.store.push('view', [{ k: 1, at: t.clock.now(), v: 1 }]), { code: 'UNKNOWN_NAME' })
      wait(t, second)
      await t.store.apply(things({ features: { v: 'int64', w: 'int64' } }))
      await t.store.maintain()
      assert.notEqual((await shown(t)).generation, before.generation)
      assert.deepEqual((await shown(t)).coverage, [])
      assert.deepEqual(await served(t, [1, 9]), ['NOT_FOUND', 9])
      assert.deepEqual(await remembered(t, [1, 9]), [1, 9])
      await materialize(t)
      assert.deepEqual(await served(t, [1, 9]), [1, 9])
      assert.deepEqual(await served(t, [1, 9], 'view:w'), [101, 'NULL_VALUE'])
    },
  },
  {
    law: 'a view added again with another type takes over keys and times of what was pushed, and no value that does not fit',
    async run(harness) {
      await using t = await openThings(harness, two)
      await t.store.push('view', [{ k: 9, at: t.clock.now(), v: 9 }])
      await t.store.apply({ ...things(), views: {} }, breaking)
      wait(t, second)
      await t.store.apply(things({ features: { v: { type: 'timestamp', column: 'at' }, w: 'int64' } }))
      await materialize(t)
      assert.deepEqual(await served(t, [1, 9]), [new Date(0), 'NULL_VALUE'])
      assert.deepEqual(await remembered(t, [1, 9]), [new Date(0), null])
    },
  },
  {
    law: 'a view that is not online is history only, until it is made online',
    async run(harness) {
      await using t = await openThings(harness, two, { online: false })
      await assert.rejects(served(t, [1]), { code: 'NOT_ONLINE' })
      await assert.rejects(t.store.materialize('view'), { code: 'NOT_ONLINE' })
      await assert.rejects(t.store.push('view', [{ k: 3, at: t.clock.now(), v: 3 }], { to: 'online' }), {
        code: 'NOT_ONLINE',
      })
      await t.store.push('view', [{ k: 3, at: t.clock.now(), v: 3 }])
      assert.deepEqual(await t.store.materialize(), [])
      assert.deepEqual(await remembered(t, [1, 3]), [1, 3])
      await t.store.apply(things())
      await materialize(t)
      assert.deepEqual(await served(t, [1, 3]), [1, 3])
    },
  },
]

/** Generations and revisions: what a change of definitions does to what is served. */
export const storeGenerationLaws: readonly Law<StoreHarness>[] = [...revisionLaws, ...generationLaws, ...removalLaws]
