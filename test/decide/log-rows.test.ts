import { describe, expect, it } from 'vitest'
import { readHeader } from '../../src/codecs/packed-row.ts'
import { rowDecoder } from '../../src/codecs/row-reader.ts'
import { concerns, encoderOf, latestOf, rowsFor } from '../../src/decide/log-rows.ts'
import type { StoredGeneration } from '../../src/decide/snapshot.ts'
import { takes, viewRowReader } from '../../src/decide/source-row.ts'
import { type ResolvedView, resolveView } from '../../src/define/resolved-view.ts'
import { must } from '../../src/kernel/assert.ts'
import { tombstoneTie } from '../../src/values/order.ts'
import { smallDefinitions, view } from '../support/small-definitions.ts'

const definitions = smallDefinitions({
  views: {
    delays: view({
      source: 'taps',
      keys: { airport: 'code' },
      features: { delay: 'int64', miles: { type: 'float64', column: 'distance' }, tags: 'list<int64>' },
    }),
    totals: view({ source: 'taps', entities: [], features: { delay: 'int64' } }),
  },
})
const resolved = (name: string): ResolvedView => resolveView(definitions, must(definitions.views.get(name), name))
const delays = resolved('delays')
const generation: StoredGeneration = { generation: 5n, revision: 6n, definition: 1, bornAtMs: 0, resolved: delays }

describe('a pushed row as a row of a view', () => {
  it("is taken by the source's names from a source, by the view's own from the view", () => {
    const columns = [
      { name: 'code', type: 'string' },
      { name: 'distance', type: 'float64' },
      { name: 'airport', type: 'string' },
      { name: 'miles', type: 'float64' },
    ] as const
    const values = ['ORD', 1.5, 'LGA', 2.5]
    expect(viewRowReader(delays, 'source', columns)(values)).toEqual({ keys: ['ORD'], features: [null, 1.5, null] })
    expect(viewRowReader(delays, 'view', columns)(values)).toEqual({ keys: ['LGA'], features: [null, 2.5, null] })
  })

  it('widens what widens without loss, and reads null where the type is another', () => {
    const read = (type: 'int32' | 'string' | 'float32', delay: number | string): unknown =>
      viewRowReader(delays, 'view', [
        { name: 'airport', type: 'string' },
        { name: 'delay', type },
      ])(['ORD', delay])?.features[0]
    expect([read('int32', 5), read('string', '5'), read('float32', 5)]).toEqual([5n, null, null])
    expect(
      viewRowReader(delays, 'view', [
        { name: 'airport', type: 'string' },
        { name: 'tags', type: 'list<int32>' },
      ])(['ORD', [1, null]])?.features[2],
    ).toEqual([1n, null])
    expect([
      takes('float32', 'float64'),
      takes('list<int32>', 'list<float64>'),
      takes('int64', 'int32'),
      takes('vector<2>', 'list<float32>'),
    ]).toEqual([true, true, false, false])
  })

  it('is none without its keys; a view without entities has one for every row', () => {
    const columns = [
      { name: 'code', type: 'string' },
      { name: 'delay', type: 'int64' },
    ] as const
    expect(viewRowReader(delays, 'source', columns)([null, 1n])).toBeNull()
    expect(viewRowReader(delays, 'source', [])([])).toBeNull()
    expect(viewRowReader(resolved('totals'), 'source', columns)([null, 1n])).toEqual({ keys: [], features: [1n] })
  })

  it('concerns the view it was pushed to, and every view over the source', () => {
    const target = (kind: 'view' | 'source', name: string): boolean => concerns({ kind, name }, delays)
    expect([
      target('view', 'delays'),
      target('source', 'taps'),
      target('view', 'taps'),
      target('source', 'delays'),
      target('view', 'totals'),
    ]).toEqual([true, true, false, false, false])
  })
})

describe('packed rows of a record', () => {
  const columns = [
    { name: 'code', type: 'string' },
    { name: 'distance', type: 'float64' },
  ] as const
  const record = {
    target: { kind: 'source', name: 'taps' } as const,
    columns,
    rows: [
      { event: 1n, created: 9n, tie: 3n, values: ['ORD', 1.5] },
      { event: 2n, created: 9n, tie: 4n, values: [null, 2.5] },
      { event: 3n, created: 9n, tie: 5n, values: ['x'.repeat(1025), 2.5] },
      { event: 0n, created: 9n, tie: tombstoneTie, values: ['ORD', null] },
      { event: 1n, created: 9n, tie: 2n, values: ['ORD', 3.5] },
      { event: 5n, created: 9n, tie: 0n, values: ['x'.repeat(1024), 4.5] },
    ],
  }
  const rows = rowsFor(record, generation, encoderOf(delays, 77))

  it('carry Order, revision and fingerprint; a row without a usable key is none', () => {
    expect(rows.map((entity) => entity !== null)).toEqual([true, false, false, true, true, true])
    const [first] = rows
    expect(readHeader(must(first, 'a row').row)).toEqual({
      tombstone: false,
      fingerprint: 77,
      revision: 6n,
      order: { event: 1n, created: 9n, reading: 0n, tie: 3n },
    })
    expect(rowDecoder(delays.features, delays.features)(must(first, 'a row').row)).toEqual([null, 1.5, null])
    expect(readHeader(must(rows[3], 'a row').row)).toMatchObject({
      tombstone: true,
      order: { event: 0n, tie: tombstoneTie },
    })
  })

  it('are reduced to the latest of each entity', () => {
    const { latest, standIn } = latestOf(rows)
    expect(standIn).toEqual([0, -1, -1, 0, 0, 1])
    expect(latest).toEqual([rows[0], rows[5]])
    expect(latestOf([rows[0] ?? null, null, rows[0] ?? null])).toEqual({ latest: [rows[0]], standIn: [0, -1, 0] })
  })
})
