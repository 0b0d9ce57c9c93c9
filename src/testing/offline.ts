import assert from 'node:assert/strict'
import type { Call } from '../kernel/call.ts'
import type { OfflineStore } from '../ports/offline.ts'
import type { Law } from './law.ts'
import { type OfflineHarness, T0, append, asOf, read, sketch, useOf } from './offline-bench.ts'
import { offlineAbilityLaws } from './offline-abilities.ts'
import { offlineRandomLaws } from './offline-random.ts'
import { offlineRunLaws } from './offline-runs.ts'
import { offlineVectorLaws } from './offline-vectors.ts'

export type { OfflineHarness, OfflineUnderTest, SourceTable } from './offline-bench.ts'

const columns = [
  { name: 'k', type: 'int64' },
  { name: 'at', type: 'timestamp' },
  { name: 'seen', type: 'timestamp' },
  { name: 'v', type: 'int64' },
] as const

const sourceLaws: readonly Law<OfflineHarness>[] = [
  {
    law: 'describe names columns, types, files and rows; a file that is rewritten has another identity',
    async run(harness) {
      await using store = await harness.open()
      const path = await store.put('source', [
        { columns, rows: [[1n, T0, null, 1n]] },
        {
          columns,
          rows: [
            [2n, T0, null, 2n],
            [3n, T0, null, 3n],
          ],
        },
      ])
      const { definitions, view } = sketch(path)
      const [facts] = await store.offline.describe([view.source], definitions.sources)
      assert.deepEqual(facts?.columns, columns)
      assert.equal(facts?.files.length, 2)
      assert.equal(facts?.rows, 3)
      await store.put('source', [
        {
          columns,
          rows: [
            [1n, T0, null, 1n],
            [1n, T0, null, 7n],
          ],
        },
      ])
      const [after] = await store.offline.describe([view.source], definitions.sources)
      assert.notDeepEqual(after?.files[0], facts?.files[0])
    },
  },
  {
    law: 'a plan over listed files reads those only, and refuses one that changed',
    async run(harness) {
      await using store = await harness.open()
      const tables = [
        { columns, rows: [[1n, T0, null, 1n]] },
        { columns, rows: [[1n, T0 + 1n, null, 2n]] },
      ]
      const path = await store.put('source', tables)
      const { definitions, view } = sketch(path)
      const [facts] = await store.offline.describe([view.source], definitions.sources)
      const files = facts?.files.slice(0, 1) ?? []
      const plan = {
        kind: 'source' as const,
        source: view.source,
        take: [{ column: 'v', as: 'v', type: 'int64' as const }],
        files,
      }
      assert.deepEqual(await read(store.offline, plan), { v: [1n] })
      await store.put('source', [
        {
          columns,
          rows: [
            [1n, T0, null, 9n],
            [1n, T0, null, 9n],
          ],
        },
      ])
      await assert.rejects(read(store.offline, plan), { code: 'SOURCE_CHANGED' })
    },
  },
  {
    law: 'a watched query tells how much of it is done, from nothing to all, or that it cannot tell; also when it is over',
    async run(harness) {
      await using store = await harness.open()
      const path = await store.put('source', [{ columns, rows: [[1n, T0, null, 1n]] }])
      const { view } = sketch(path)
      const take = [{ column: 'v', as: 'v', type: 'int64' as const }]
      const asked: (() => number | null)[] = []
      const result = await store.offline.query({
        plan: { kind: 'source', source: view.source, take },
        watch: (progress) => asked.push(progress),
      })
      const [progress] = asked
      assert.ok(progress !== undefined && asked.length === 1, 'told once, before the first rows')
      const told = [progress()]
      for await (const batch of result.batches()) if (batch.rows > 0) told.push(progress())
      told.push(progress())
      await result[Symbol.asyncDispose]()
      told.push(progress())
      assert.equal(told.length, 4)
      assert.ok(
        told.every((share) => share === null || (share >= 0 && share <= 1)),
        told.join(),
      )
    },
  },
  {
    law: 'a missing column and a column of another type are named',
    async run(harness) {
      await using store = await harness.open()
      const path = await store.put('source', [{ columns, rows: [[1n, T0, null, 1n]] }])
      const spine = { kind: 'rows' as const, rows: [{ k: 1n, at: T0 }] }
      const missing = sketch(path, { features: { w: 'int64' } })
      await assert.rejects(
        asOf(store.offline, missing.definitions, useOf(missing.view), { spine }),
        (e: Error & { code?: string }) => e.code === 'MISSING_COLUMN' && e.message.includes('w'),
      )
      const other = sketch(path, { features: { v: 'string' } })
      await assert.rejects(
        asOf(store.offline, other.definitions, useOf(other.view), { spine }),
        (e: Error & { code?: string }) => e.code === 'TYPE_MISMATCH' && e.message.includes('v'),
      )
    },
  },
  {
    law: 'a spine row without an instant is refused with its place',
    async run(harness) {
      await using store = await harness.open()
      const path = await store.put('source', [{ columns, rows: [[1n, T0, null, 1n]] }])
      const { definitions, view } = sketch(path)
      const spine = {
        kind: 'rows' as const,
        rows: [
          { k: 1n, at: T0 },
          { k: 1n, at: null },
          { k: 1n, at: null },
        ],
      }
      await assert.rejects(
        asOf(store.offline, definitions, useOf(view), { spine }),
        (e: Error & { code?: string }) => e.code === 'MISSING_TIMESTAMP' && e.message.includes('2'),
      )
    },
  },
  {
    law: 'a push is seen by the next query, by name and type, widened where that loses nothing',
    async run(harness) {
      await using store = await harness.open()
      const path = await store.put('source', [{ columns, rows: [] }])
      const { definitions, view } = sketch(path)
      const spine = { kind: 'rows' as const, rows: [{ k: 1n, at: T0 }] }
      await append(
        store.log,
        'view',
        [
          { name: 'k', type: 'int64' },
          { name: 'v', type: 'int32' },
        ],
        [{ event: T0, created: T0, tie: 5n, values: [1n, 7] }],
      )
      assert.deepEqual((await asOf(store.offline, definitions, useOf(view), { spine }))['v'], [7n])
      const position = await append(
        store.log,
        'view',
        [
          { name: 'k', type: 'int64' },
          { name: 'v', type: 'string' },
        ],
        [{ event: T0, created: T0, tie: 6n, values: [1n, 'x'] }],
      )
      assert.deepEqual((await asOf(store.offline, definitions, useOf(view), { spine }))['v'], [null])
      assert.deepEqual(
        (await asOf(store.offline, definitions, useOf(view, { purgedBelow: position }), { spine }))['v'],
        [null],
      )
      assert.deepEqual(
        (await asOf(store.offline, definitions, useOf(view, { purgedBelow: position + 1n }), { spine }))['v'],
        [null],
      )
    },
  },
]

const lifetimeLaws: readonly Law<OfflineHarness>[] = [
  {
    law: 'an aborted signal and a passed deadline are honoured',
    async run(harness) {
      await using store = await harness.open()
      const path = await store.put('source', [{ columns, rows: [[1n, T0, null, 1n]] }])
      for (const [name, run] of calls(path)) {
        await assert.rejects(run(store.offline, { signal: AbortSignal.abort() }), { code: 'INTERRUPTED' }, name)
        await assert.rejects(run(store.offline, { deadlineAtMs: Date.now() - 1 }), { code: 'DEADLINE_EXCEEDED' }, name)
      }
    },
  },
  {
    law: 'disposing twice is one disposal; after it every call throws CLOSED',
    async run(harness) {
      await using store = await harness.open()
      const path = await store.put('source', [{ columns, rows: [[1n, T0, null, 1n]] }])
      await store.offline[Symbol.asyncDispose]()
      await store.offline[Symbol.asyncDispose]()
      for (const [name, run] of calls(path)) await assert.rejects(run(store.offline), { code: 'CLOSED' }, name)
    },
  },
]

/** Every method of the port. */
function calls(path: string): [string, (offline: OfflineStore, call?: Call) => Promise<unknown>][] {
  const { definitions, view } = sketch(path)
  return [
    ['describe', async (offline, call) => offline.describe([view.source], definitions.sources, call)],
    [
      'query',
      async (offline, call) =>
        offline.query(
          { plan: { kind: 'source', source: view.source, take: [{ column: 'v', as: 'v', type: 'int64' }] } },
          call,
        ),
    ],
  ]
}

/** The laws of the offline port: the vectors of the as-of join, random histories and runs against an oracle, sources, abilities, lifetime. */
export const offlineLaws: readonly Law<OfflineHarness>[] = [
  ...offlineVectorLaws,
  ...offlineRandomLaws,
  ...offlineRunLaws,
  ...sourceLaws,
  ...offlineAbilityLaws,
  ...lifetimeLaws,
]
