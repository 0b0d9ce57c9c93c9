import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Definitions } from '../define/definition.ts'
import { type ResolvedView, resolveView } from '../define/resolved-view.ts'
import { fromWire } from '../define/wire.ts'
import { must } from '../kernel/assert.ts'
import { asOfPlan } from '../query/historical.ts'
import type { SourceFacts, SpineInput } from '../ports/offline.ts'
import type { Law } from './law.ts'
import { type OfflineHarness, type OfflineUnderTest, T0, append, asOf, sketch, useOf } from './offline-bench.ts'

const columns = [
  { name: 'k', type: 'int64' },
  { name: 'at', type: 'timestamp' },
  { name: 'seen', type: 'timestamp' },
  { name: 'v', type: 'int64' },
] as const

const one: SpineInput = { kind: 'rows', rows: [{ k: 1n, at: T0 + 9n }] }
const unsupported = { code: 'UNSUPPORTED' }

/** A view over a query over the files of `source`. */
function querySketch(path: string): { definitions: Definitions; view: ResolvedView } {
  const timed = { timestamp: 'at', created: 'seen' }
  const definitions = fromWire({
    entities: { thing: { keys: { k: 'int64' } } },
    sources: {
      source: { type: 'parquet', path, ...timed },
      doubled: { type: 'sql', sql: 'select k, "at", seen, 2 * v as v from source', ...timed },
    },
    views: { view: { entities: ['thing'], source: 'doubled', features: { v: 'int64' } } },
    on_demand: {},
    services: {},
  })
  return { definitions, view: resolveView(definitions, must(definitions.views.get('view'), 'the view')) }
}

/** What an engine says that it can it does; what it cannot it refuses loudly. */
export const offlineAbilityLaws: readonly Law<OfflineHarness>[] = [
  {
    law: 'a sql source is its query over files and pushed rows, or UNSUPPORTED',
    async run(harness) {
      await using store = await harness.open()
      const path = await store.put('source', [{ columns, rows: [[1n, T0, null, 5n]] }])
      const { definitions, view } = querySketch(path)
      const describe = (): Promise<SourceFacts[]> => store.offline.describe([view.source], definitions.sources)
      if (!store.offline.can.sql) {
        await assert.rejects(describe(), unsupported)
        await assert.rejects(asOf(store.offline, definitions, useOf(view), { spine: one }), unsupported)
        return
      }
      const [facts] = await describe()
      assert.deepEqual([facts?.columns.map((c) => c.name), facts?.files.length], [['k', 'at', 'seen', 'v'], 1])
      assert.deepEqual(await asOf(store.offline, definitions, useOf(view), { spine: one }), {
        k: [1n],
        at: [T0 + 9n],
        v: [10n],
      })
      await append(store.log, 'source', columns, [
        { event: T0 + 1n, created: T0, tie: 5n, values: [1n, T0 + 1n, T0, 7n] },
      ])
      assert.deepEqual((await asOf(store.offline, definitions, useOf(view), { spine: one }))['v'], [14n])
    },
  },
  {
    law: 'a spine is a query over the sources, or UNSUPPORTED',
    async run(harness) {
      await using store = await harness.open()
      const path = await store.put('source', [
        {
          columns,
          rows: [
            [1n, T0, null, 5n],
            [2n, T0 + 1n, null, 6n],
          ],
        },
      ])
      const { definitions, view } = sketch(path)
      const inputs = [...definitions.sources.values()].map((source) => ({ source }))
      const spine: SpineInput = { kind: 'sql', sql: 'select k, "at" from source order by k desc', inputs }
      const joined = asOf(store.offline, definitions, useOf(view), { spine })
      if (store.offline.can.sql) assert.deepEqual(await joined, { k: [2n, 1n], at: [T0 + 1n, T0], v: [6n, 5n] })
      else await assert.rejects(joined, unsupported)
    },
  },
  {
    law: 'spines are read from files, and results are written as Parquet, or UNSUPPORTED',
    async run(harness) {
      await using store = await harness.open()
      const folder = await mkdtemp(join(tmpdir(), 'provender-spine-'))
      try {
        await spinesInFiles(store, folder)
      } finally {
        await rm(folder, { recursive: true })
      }
    },
  },
]

async function spinesInFiles(store: OfflineUnderTest, folder: string): Promise<void> {
  const path = await store.put('source', [{ columns, rows: [[1n, T0, null, 5n]] }])
  const { definitions, view } = sketch(path)
  const file = join(folder, 'spine.parquet')
  const plan = asOfPlan(definitions, [useOf(view, { outputs: [] })], { timestamp: 'at', knownBySpine: false })
  await using result = await store.offline.query({ plan, inputs: new Map([['spine', one]]) })
  const texts = {
    csv: 'k,at\n1,2024-01-01T00:00:00.000009Z\n',
    ndjson: '{"k":1,"at":"2024-01-01T00:00:00.000009Z"}\n',
  } as const
  for (const [format, text] of Object.entries(texts)) await writeFile(join(folder, `spine.${format}`), text)
  if (store.offline.can.parquet) assert.equal(await result.writeParquet(file), 1)
  else await assert.rejects(result.writeParquet(file), unsupported)
  for (const format of ['parquet', 'csv', 'ndjson'] as const) {
    const spine: SpineInput = { kind: 'file', path: join(folder, `spine.${format}`), format }
    const joined = asOf(store.offline, definitions, useOf(view), { spine })
    if (store.offline.can.parquet) assert.deepEqual(await joined, { k: [1n], at: [T0 + 9n], v: [5n] }, format)
    else await assert.rejects(joined, unsupported, format)
  }
}
