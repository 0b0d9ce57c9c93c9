import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import type { WireDefinitions } from '../define/definition.ts'
import type { Law } from './law.ts'
import {
  type StoreHarness,
  type StoreUnderTest,
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

const three = [
  { k: 1, at: 0n, v: 1 },
  { k: 2, at: 0n, v: 2 },
  { k: 3, at: 0n, v: 3 },
]

/** Materializes, and demands that it built another generation that serves, for a reason. */
async function rebuilt(t: StoreUnderTest, reason: string, options?: Parameters<typeof materialize>[1]): Promise<void> {
  const before = await shown(t)
  const run = await materialize(t, options)
  const after = await shown(t)
  assert.ok(
    run.notes.some((note) => note.includes(reason)),
    `${run.notes.join(' ')} says "${reason}"`,
  )
  assert.notEqual(after.generation, before.generation)
  assert.equal(after.building, undefined)
}

const fileLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'a file that changed makes a rebuild, also where its rows became older or fewer',
    async run(harness) {
      await using t = await openThings(harness, three)
      await materialize(t)
      await putThings(t, 'second', [{ k: 2, at: second, v: 20 }])
      await materialize(t)
      assert.deepEqual(await served(t, [1, 2, 3]), [1, 20, 3])
      await putThings(t, 'second', [{ k: 2, at: -second, v: 21 }])
      await rebuilt(t, 'file changed')
      assert.deepEqual(await served(t, [1, 2, 3]), [1, 2, 3])
      await putThings(t, 'first', [{ k: 1, at: 0n, v: 1 }])
      await rebuilt(t, 'file changed')
      assert.deepEqual(await served(t, [1, 2, 3]), [1, 21, 'NOT_FOUND'])
      assert.deepEqual((await shown(t)).coverage, upToNow(t))
    },
  },
  {
    law: 'a file that vanished makes a rebuild; one that is only new does not',
    async run(harness) {
      await using t = await openThings(harness, three)
      await putThings(t, 'second', [{ k: 4, at: 0n, v: 4 }])
      await materialize(t)
      const { generation } = await shown(t)
      await putThings(t, 'third', [{ k: 5, at: 0n, v: 5 }])
      await materialize(t)
      assert.deepEqual((await shown(t)).generation, generation)
      await putThings(t, 'second', null)
      await rebuilt(t, 'file changed')
      assert.deepEqual(await served(t, [1, 4, 5]), [1, 'NOT_FOUND', 5])
    },
  },
  {
    law: 'a file that a run of a killed process had read is known: its change makes a rebuild',
    async run(harness) {
      await using t = await openThings(harness, three)
      await materialize(t)
      await putThings(t, 'second', [{ k: 1, at: second, v: 10 }])
      t.onPhase((phase) => {
        if (phase === 'wrote all') throw new Error('Killed')
      })
      await assert.rejects(t.store.materialize('view'), /Killed/)
      t.onPhase(null)
      assert.deepEqual(await served(t, [1]), [10])
      await putThings(t, 'second', [{ k: 2, at: second, v: 20 }])
      await rebuilt(t, 'file changed')
      assert.deepEqual(await served(t, [1, 2]), [1, 20])
    },
  },
  {
    law: '`repair` builds everything anew, the whole of what was covered, while the old rows serve',
    async run(harness) {
      await using t = await openThings(harness, three)
      await materialize(t)
      await t.store.push('view', [{ k: 9, at: t.clock.now(), v: 9 }])
      await rebuilt(t, 'repair', { repair: true, start: t.clock.now() - minute })
      assert.deepEqual(await served(t, [1, 2, 3, 9]), [1, 2, 3, 9])
      assert.deepEqual((await shown(t)).coverage, upToNow(t))
    },
  },
]

/** Turns of the event loop that a catch-up takes at most where everything is in memory. */
const midst = 40

const restoreLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'an online store that was emptied is filled again by the next materialization',
    async run(harness) {
      await using t = await openThings(harness, three)
      await t.store.push('view', [{ k: 9, at: t.clock.now(), v: 9 }])
      await materialize(t)
      await t.wipeOnline()
      await rebuilt(t, 'online store')
      assert.deepEqual(await served(t, [1, 2, 3, 9]), [1, 2, 3, 9])
    },
  },
  {
    law: 'an online store that was emptied heals without a command: pushed rows by the catch-up, all others by the run that it starts',
    async run(harness) {
      await using t = await openThings(harness, three)
      await t.store.push('view', [{ k: 9, at: t.clock.now(), v: 9 }])
      await materialize(t)
      await t.wipeOnline()
      await t.store.maintain()
      assert.equal((await served(t, [9]))[0], 9)
      const [run] = await t.store.runs({ limit: 1 })
      assert.ok(run !== undefined && (await t.store.runs()).length === 2, 'a run was started')
      while (['queued', 'running'].includes((await t.store.run(run.id)).state)) await pause(5)
      assert.deepEqual(await served(t, [1, 2, 3, 9]), [1, 2, 3, 9])
      await t.store.maintain()
      assert.equal((await t.store.runs()).length, 2, 'what was healed is left alone')
    },
  },
  {
    law: 'an online store that is emptied in the midst of a catch-up is not taken for caught up',
    async run(harness) {
      await using t = await openThings(harness, [])
      const keys = [1, 2, 3]
      for (const k of keys) await t.store.push('view', [{ k, at: t.clock.now(), v: k }])
      for (let turns = 0; turns < midst; turns++) {
        await t.wipeOnline()
        // Whether it notices is a matter of where it was.
        const pass = t.store.maintain().catch((thrown: unknown) => assert.ok(refusal('STORE_UNREACHABLE')(thrown)))
        for (let i = 0; i < turns; i++) await Promise.resolve()
        await t.wipeOnline()
        await pass
        await t.store.maintain()
        assert.deepEqual(await served(t, keys), keys, `emptied after ${turns} turns`)
      }
    },
  },
  {
    law: 'an online store that was restored from a copy gets what it lost',
    async run(harness) {
      await using t = await openThings(harness, three)
      await materialize(t)
      const putBack = await t.backupOnline()
      wait(t, second)
      await putThings(t, 'second', [{ k: 1, at: t.clock.now(), v: 10 }])
      await materialize(t)
      await t.store.push('view', [{ k: 9, at: t.clock.now(), v: 9 }])
      await t.store.delete('view', { k: 3 })
      await putBack()
      await materialize(t)
      assert.deepEqual(await served(t, [1, 2, 3, 9]), [10, 2, 'NOT_FOUND', 9])
      assert.deepEqual(await remembered(t, [1, 2, 3, 9]), [10, 2, null, 9])
      // The same copy once more, with nothing but pushes since: catch-up is enough.
      const again = await t.backupOnline()
      await t.store.push('view', [{ k: 8, at: t.clock.now(), v: 8 }])
      await again()
      await t.store.maintain()
      assert.deepEqual(await served(t, [1, 8]), [10, 8])
    },
  },
  {
    law: 'metadata that was restored from a copy never takes rows for covered, or for unread, that are not',
    async run(harness) {
      await using t = await openThings(harness, three)
      await materialize(t, { end: second })
      const putBack = await t.backupMetadata()
      wait(t, second)
      await putThings(t, 'second', [{ k: 1, at: second, v: 10 }])
      await materialize(t)
      await putThings(t, 'second', [{ k: 2, at: second, v: 20 }])
      wait(t, second)
      await putBack()
      assert.deepEqual(await served(t, [1]), [10])
      await rebuilt(t, 'online store')
      assert.deepEqual(await served(t, [1, 2, 3]), [1, 20, 3])
    },
  },
]

/** A view over a query over `things`, whose rows are all a minute later than theirs. */
function overQuery(lateness?: string): WireDefinitions {
  const { sources, views, ...rest } = things()
  const sql = `select k, "at" + interval '1 minute' as "at", seen, 2 * v as v from things`
  return {
    ...rest,
    sources: { ...sources, shifted: { type: 'sql', sql, timestamp: 'at', created: 'seen' } },
    views: { view: { ...Object(views['view']), source: 'shifted', ...(lateness === undefined ? {} : { lateness }) } },
  }
}

async function openQuery(harness: StoreHarness, lateness?: string): Promise<StoreUnderTest | null> {
  const t = await harness.open()
  await putThings(t, 'first', [{ k: 1, at: t.clock.now() - 10n * hour, v: 1 }])
  if (t.can.sql) {
    await t.store.apply(overQuery(lateness))
    return t
  }
  await assert.rejects(t.store.apply(overQuery(lateness)), { code: 'UNSUPPORTED' })
  await t[Symbol.asyncDispose]()
  return null
}

const queryLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'without lateness, anything new in an input of a sql source makes a rebuild',
    async run(harness) {
      await using t = await openQuery(harness)
      if (t === null) return
      await materialize(t)
      assert.deepEqual(await served(t, [1]), [2])
      assert.deepEqual((await materialize(t)).notes, [])
      await putThings(t, 'second', [{ k: 2, at: t.clock.now() - 9n * hour, v: 2 }])
      await rebuilt(t, 'inputs changed')
      assert.deepEqual(await served(t, [1, 2]), [2, 4])
      await t.store.push('things', [{ k: 3, at: t.clock.now() - 9n * hour, v: 3 }])
      assert.deepEqual(await served(t, [3]), ['NOT_FOUND'])
      await rebuilt(t, 'inputs changed')
      assert.deepEqual(await served(t, [1, 2, 3]), [2, 4, 6])
      await putThings(t, 'second', null)
      await rebuilt(t, 'file changed')
      assert.deepEqual(await served(t, [1, 2, 3]), [2, 'NOT_FOUND', 6])
    },
  },
  {
    law: 'with lateness, results older than that are final, younger ones are read again, and nothing is rebuilt',
    async run(harness) {
      await using t = await openQuery(harness, '1h')
      if (t === null) return
      await materialize(t)
      const { generation } = await shown(t)
      const limit = t.clock.now() - hour
      wait(t, minute)
      await putThings(t, 'second', [
        { k: 2, at: limit - 2n * minute, v: 2 },
        { k: 3, at: limit, v: 3 },
        { k: 4, at: t.clock.now() - minute, v: 4 },
      ])
      await materialize(t)
      assert.deepEqual(await served(t, [1, 2, 3, 4]), [2, 'NOT_FOUND', 6, 8])
      assert.equal((await shown(t)).generation, generation)
      await rebuilt(t, 'repair', { repair: true })
      assert.deepEqual(await served(t, [1, 2, 3, 4]), [2, 4, 6, 8])
    },
  },
]

/** Rebuilds: files, inputs and stores that are not what they were. */
export const storeRebuildLaws: readonly Law<StoreHarness>[] = [...fileLaws, ...restoreLaws, ...queryLaws]
