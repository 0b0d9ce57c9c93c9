import assert from 'node:assert/strict'
import type { CallOptions, Run, Store } from '../contract/store.ts'
import { formatInstant } from '../values/instant.ts'
import type { Law } from './law.ts'
import { type StoreHarness, materialize, openThings, putThings, second, served, things, wait } from './store-bench.ts'

const breaking = { allowBreaking: true }

const registryLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'applying the same definitions changes nothing; versions are kept, compared and found again',
    async run(harness) {
      await using t = await openThings(harness, [])
      const { version } = await t.store.registry()
      assert.deepEqual(await t.store.apply(things()), { version, changes: [] })
      assert.deepEqual(await t.store.plan(things()), { version, changes: [] })
      const changed = things({ ttl: '1h' })
      const plan = await t.store.plan(changed)
      assert.deepEqual(
        [plan.version, plan.changes.map((c) => [c.action, c.kind, c.name])],
        [version, [['change', 'view', 'view']]],
      )
      const applied = await t.store.apply(changed, { message: 'An hour' })
      assert.deepEqual(applied, { version: version + 1, changes: plan.changes })
      assert.deepEqual(
        (await t.store.versions()).map((v) => [v.version, v.parent, v.message]),
        [
          [version + 1, version, 'An hour'],
          [version, version - 1, undefined],
        ],
      )
      assert.deepEqual(await t.store.diff(version), { from: version, to: version + 1, changes: plan.changes })
      const back = await t.store.rollback(version, breaking)
      assert.deepEqual(
        [back.version, (await t.store.registry()).definitions],
        [version + 2, (await t.store.registry(version)).definitions],
      )
      await assert.rejects(t.store.registry(99), { code: 'UNKNOWN_VERSION' })
    },
  },
  {
    law: 'an apply upon a version that is no longer the head is refused, and of two at once one wins',
    async run(harness) {
      await using t = await openThings(harness, [])
      const { version } = await t.store.registry()
      await t.store.apply(things({ ttl: '1h' }))
      await assert.rejects(t.store.apply(things({ ttl: '2h' }), { parentVersion: version }), {
        code: 'REGISTRY_CONFLICT',
      })
      const applies = await Promise.allSettled(
        ['3h', '4h'].map(async (ttl) => t.store.apply(things({ ttl }), { parentVersion: version + 1 })),
      )
      assert.deepEqual(
        applies.map((a) => (a.status === 'fulfilled' ? 'won' : (a.reason as { code: string }).code)).toSorted(),
        ['REGISTRY_CONFLICT', 'won'],
      )
      const { views } = (await t.store.registry()).definitions
      assert.equal((views['view'] as { ttl: string }).ttl, applies[0]?.status === 'fulfilled' ? '3h' : '4h')
    },
  },
  {
    law: 'what breaks a service is refused unless it is allowed, and nothing of it is applied',
    async run(harness) {
      await using t = await openThings(harness, [])
      const services = { model: { features: ['view:v'] } }
      await t.store.apply({ ...things(), services })
      const { version } = await t.store.registry()
      const changed = { ...things({ features: { v: { type: 'int64', column: 'w' } } }), services }
      await assert.rejects(t.store.apply(changed), { code: 'BREAKING_CHANGE' })
      assert.equal((await t.store.registry()).version, version)
      const { ok, errors } = await t.store.validate({
        ...things(),
        services: { model: { features: ['view:w', 'veiw'] } },
      })
      assert.deepEqual([ok, errors.length], [false, 2])
      await t.store.apply(changed, breaking)
      assert.equal((await t.store.list('services')).length, 1)
    },
  },
  {
    law: 'a source without a column that a view needs, or with one of another type, is refused with its name',
    async run(harness) {
      await using t = await openThings(harness, [])
      await assert.rejects(t.store.apply(things({ features: { nothing: 'int64' } }), breaking), {
        code: 'MISSING_COLUMN',
      })
      await assert.rejects(t.store.apply(things({ features: { v: 'string' } }), breaking), { code: 'TYPE_MISMATCH' })
      await t.store.apply(things({ features: { v: 'int64' } }))
    },
  },
]

const runLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'runs are listed, newest first, and shown; one view has one run at a time, the others wait',
    async run(harness) {
      await using t = await openThings(harness, [{ k: 1, at: 0n, v: 1 }])
      let running = 0
      let most = 0
      t.onPhase((phase) => {
        if (phase === 'leased') most = Math.max(most, ++running)
        if (phase === 'caught up') running--
      })
      const runs = await Promise.all([materialize(t), materialize(t), materialize(t)])
      t.onPhase(null)
      assert.equal(most, 1)
      assert.deepEqual(
        runs.map((r) => r.state),
        ['succeeded', 'succeeded', 'succeeded'],
      )
      const listed = await t.store.runs({ view: 'view' })
      assert.deepEqual(new Set(listed.map((r) => r.id)), new Set(runs.map((r) => r.id)))
      assert.deepEqual(await t.store.run(listed[0]?.id ?? ''), listed[0])
      assert.deepEqual(await t.store.runs({ state: 'failed' }), [])
      await assert.rejects(t.store.run('run_none'), { code: 'UNKNOWN_RUN' })
    },
  },
  {
    law: 'a queued run that is cancelled never begins; a running one ends early or well; the next one does their work',
    async run(harness) {
      await using t = await openThings(harness, [{ k: 1, at: 0n, v: 1 }])
      const { views, ...rest } = things()
      await t.store.apply({
        ...rest,
        views: { ...views, another: { entities: ['thing'], source: 'things', features: { w: 'int64' } } },
      })
      let cancelled: Promise<Run[]> | undefined
      t.onPhase((phase) => {
        if (phase !== 'leased') return
        const home = t.home ?? t.store
        cancelled ??= home.runs().then(async (runs) => Promise.all(runs.map(async (run) => home.cancelRun(run.id))))
      })
      await assert.rejects(t.store.materialize(['view', 'another']), { code: 'RUN_CANCELLED' })
      t.onPhase(null)
      assert.equal((await cancelled)?.length, 2)
      const [queued] = await t.store.runs({ view: 'another' })
      assert.deepEqual([queued?.state, queued?.startedAt, queued?.error?.code], ['cancelled', null, 'RUN_CANCELLED'])
      assert.deepEqual(await served(t, [1], 'another:w'), ['NOT_FOUND'])
      const [running] = await t.store.runs({ view: 'view' })
      assert.ok(running?.state === 'cancelled' || running?.state === 'succeeded')
      assert.deepEqual(await t.store.cancelRun(running.id), running)
      await t.store.materialize()
      assert.deepEqual([await served(t, [1]), await served(t, [1], 'another:w')], [[1], [101]])
    },
  },
  {
    law: 'runs, a rebuild and maintenance at once end in what one run would have left',
    async run(harness) {
      await using t = await openThings(harness, [{ k: 1, at: 0n, v: 1 }])
      wait(t, second)
      await putThings(t, 'second', [{ k: 1, at: second, v: 2 }])
      await Promise.all([
        materialize(t),
        materialize(t, { repair: true }),
        t.store.maintain(),
        materialize(t, { start: 0n }),
      ])
      assert.deepEqual(await served(t, [1]), [2])
    },
  },
]

/** Every verb that works on engines, called so that it would do its work. */
function calls(store: Store, options?: CallOptions): Readonly<Record<string, () => Promise<unknown>>> {
  const table = async (rows: Promise<AsyncDisposable>): Promise<void> => (await rows)[Symbol.asyncDispose]()
  return {
    plan: async () => store.plan(things({ ttl: '1h' }), options),
    apply: async () => store.apply(things({ ttl: '1h' }), options),
    historical: async () => table(store.historical('view', [{ k: 1, event_timestamp: 0n }], options)),
    events: async () => table(store.events('view', { start: 0n, end: 1n, ...options })),
    snapshot: async () => table(store.snapshot('view', { at: 0n, ...options })),
    online: async () => store.online('view', [{ k: 1 }], options),
    materialize: async () => store.materialize('view', options),
    startMaterialize: async () => store.startMaterialize('view', options),
    runs: async () => store.runs({}, options),
    push: async () => store.push('view', [{ k: 1, at: 0n, v: 1 }], options),
    delete: async () => store.delete('view', { k: 1 }, options),
    deadLetters: async () => store.deadLetters({}, options),
    replayDeadLetters: async () => store.replayDeadLetters({}, options),
    registry: async () => store.registry(undefined, options),
    versions: async () => store.versions(options),
    diff: async () => store.diff(1, undefined, options),
    rollback: async () => store.rollback(1, options),
    list: async () => store.list('views', options),
    show: async () => store.show('views', 'view', options),
    maintain: async () => store.maintain(options),
  }
}

const lifetimeLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'an aborted signal and a passed deadline are honoured before anything is done',
    async run(harness) {
      await using t = await openThings(harness, [])
      const { version } = await t.store.registry()
      for (const [name, call] of Object.entries(calls(t.store, { signal: AbortSignal.abort() })))
        await assert.rejects(call(), { code: 'INTERRUPTED' }, name)
      for (const [name, call] of Object.entries(calls(t.store, { timeoutMs: -1 })))
        await assert.rejects(call(), { code: 'DEADLINE_EXCEEDED' }, name)
      assert.deepEqual(
        [(await t.store.registry()).version, await t.store.runs(), await served(t, [1])],
        [version, [], ['NOT_FOUND']],
      )
    },
  },
  {
    law: 'the doctor names each check once, fails none where all is well, and says which rows wait for somebody',
    async run(harness) {
      await using t = await openThings(harness, [{ k: 1, at: 0n, v: 1 }])
      await t.store.materialize()
      const { checks } = await t.store.doctor()
      const found = (name: string): string | undefined => checks.find((check) => check.name === name)?.status
      assert.equal(new Set(checks.map(({ name }) => name)).size, checks.length)
      for (const name of ['metadata', 'offline', 'online', 'registry', 'sources', 'materialized', 'push-log', 'runs'])
        assert.notEqual(found(name) ?? 'fail', 'fail', name)
      assert.equal(found('dead-letters'), 'ok')
      const at = formatInstant(t.clock.now())
      await t.store.push('view', [
        { k: null, v: 1, at },
        { k: 1, v: 2, at },
      ])
      const { checks: later } = await t.store.doctor()
      const letters = later.find(({ name }) => name === 'dead-letters')
      assert.equal(letters?.status, 'warn')
      assert.ok(letters.detail.includes('view') && letters.remedy !== undefined)
    },
  },
  {
    law: 'closing twice is closing once; a closed store says CLOSED to every call',
    async run(harness) {
      await using t = await openThings(harness, [])
      const health = Object.values(await t.store.health())
      assert.ok(health.length >= 3 && health.every(({ ok }) => ok))
      await t.store[Symbol.asyncDispose]()
      await t.store[Symbol.asyncDispose]()
      for (const [name, call] of Object.entries(calls(t.store))) await assert.rejects(call(), { code: 'CLOSED' }, name)
      assert.ok(Object.values(await t.store.health()).every(({ ok }) => !ok))
    },
  },
]

/** The registry's verbs, runs, and the lifetime of a store. */
export const storeLifetimeLaws: readonly Law<StoreHarness>[] = [...registryLaws, ...runLaws, ...lifetimeLaws]
