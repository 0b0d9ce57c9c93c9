import assert from 'node:assert/strict'
import type { Call } from '../kernel/call.ts'
import type { OnlineMarks } from '../ports/marks.ts'
import type { OnlineStore, Space } from '../ports/online.ts'
import type { Law } from './law.ts'
import { onlineHeldLaws } from './online-held.ts'
import { onlineMarksLaws } from './online-marks.ts'
import { type OnlineHarness, assertStored, expected, keyed, packed, readRows } from './online-rows.ts'
import { onlineSpaceLaws } from './online-spaces.ts'
import { onlineWriteLaws } from './online-writes.ts'

export type { OnlineHarness } from './online-rows.ts'

const space: Space = { view: 'airport_delays', generation: 1n }

/** Every method of both ports, called with what changes a store. */
const calls: readonly [string, (store: OnlineStore & OnlineMarks, call?: Call) => Promise<unknown>][] = [
  ['read', async (store, call) => readRows(store, [{ space, keys: [Buffer.from('k')] }], call)],
  ['write', async (store, call) => store.write(space, [keyed('k', packed({ event: 9 }))], call)],
  [
    'sweep',
    async (store, call) =>
      store.sweep(space, { eventBefore: 10n, revisionUpTo: 10n, tombstones: true }, undefined, call),
  ],
  ['drop', async (store, call) => store.drop(space, call)],
  ['schemas', async (store, call) => store.schemas([{ fingerprint: 9, text: 'nine' }], call)],
  ['readMarks', async (store, call) => store.readMarks([space], call)],
  ['birth', async (store, call) => store.birth(space, 9n, call)],
  [
    'moveCursor',
    async (store, call) => store.moveCursor(space, 9n, (await store.readMarks([space]))[0]?.incarnation ?? '', call),
  ],
  [
    'swapStamp',
    async (store, call) =>
      store.swapStamp(
        space,
        {
          from: null,
          to: { attempt: 9n, state: 'done' },
          incarnation: (await store.readMarks([space]))[0]?.incarnation ?? '',
        },
        call,
      ),
  ],
]

const lifetimeLaws: readonly Law<OnlineHarness>[] = [
  {
    law: 'a call whose signal was aborted, or whose deadline has passed, changes nothing',
    async run(harness) {
      await using store = await harness.open()
      const row = keyed('k', packed({ event: 1 }))
      await store.write(space, [row])
      const reason = new Error('enough')
      for (const [name, run] of calls) {
        await assert.rejects(
          run(store, { signal: AbortSignal.abort(reason) }),
          (thrown: unknown) =>
            thrown instanceof Error && 'code' in thrown && thrown.code === 'INTERRUPTED' && thrown.cause === reason,
          name,
        )
        await assert.rejects(run(store, { deadlineAtMs: Date.now() - 1 }), { code: 'DEADLINE_EXCEEDED' }, name)
      }
      await assertStored(store, space, [row.key], expected([row]))
      assert.deepEqual(await store.schemas([{ fingerprint: 9 }]), [null])
      assert.deepEqual(
        (await store.readMarks([space])).map((m) => [m.cursor, m.stamp]),
        [[null, null]],
      )
    },
  },
  {
    law: 'a closed handle says CLOSED to every call; closing it again does nothing, and other handles go on',
    async run(harness) {
      const store = await harness.open()
      await using other = await harness.open()
      await store.write(space, [keyed('k', packed({ event: 1 }))])
      await store[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
      for (const [name, run] of calls) await assert.rejects(run(store), { code: 'CLOSED' }, name)
      await assertStored(other, space, [Buffer.from('k')], expected([keyed('k', packed({ event: 1 }))]))
    },
  },
]

/** The laws of an online store and its marks. Each runs on an empty store of its own. */
export const onlineLaws: readonly Law<OnlineHarness>[] = Object.freeze([
  ...onlineWriteLaws,
  ...onlineSpaceLaws,
  ...onlineMarksLaws,
  ...onlineHeldLaws,
  ...lifetimeLaws,
])
