import { describe, expect, it } from 'vitest'
import type { Snapshot, StoredGeneration, ViewSnapshot } from '../../src/decide/snapshot.ts'
import { resolveView } from '../../src/define/resolved-view.ts'
import { push } from '../../src/ingest/push.ts'
import { remove } from '../../src/ingest/remove.ts'
import { must } from '../../src/kernel/assert.ts'
import { snapshotOf } from '../support/hand-made-snapshot.ts'
import { ingestBench } from '../support/ingest-bench.ts'
import { smallDefinitions, view } from '../support/small-definitions.ts'

const definitions = smallDefinitions({ views: { delays: view({ features: { delay: 'int32', added: 'string' } }) } })
/** What generation 1 was born by: the same feature of another meaning, and none that was added since. */
const older = smallDefinitions({
  views: { delays: view({ features: { delay: { type: 'int32', column: 'minutes' } } }) },
})

const stored = (generation: bigint, by = definitions): StoredGeneration => ({
  generation,
  revision: generation,
  definition: 1,
  bornAtMs: 0,
  resolved: resolveView(by, must(by.views.get('delays'), 'delays')),
})

function see(parts: Partial<Pick<ViewSnapshot, 'serving' | 'building' | 'replaced'>>): Snapshot {
  const plain = snapshotOf(definitions)
  return {
    ...plain,
    views: new Map([
      [
        'delays',
        { ...must(plain.views.get('delays'), 'delays'), serving: null, building: null, replaced: [], ...parts },
      ],
    ]),
  }
}

const row = { airport: 'ORD', delay: 5, added: 'x', landed_at: '2026-01-01T11:00:00Z' }

describe('a push while generations change', () => {
  it('reaches the serving, the building and the one replaced just now, each by its own definition', async () => {
    const bench = ingestBench(definitions)
    const replaced = (generation: bigint, agoMs: number): ViewSnapshot['replaced'][number] => ({
      ...stored(generation),
      replacedAtMs: Date.now() - agoMs,
    })
    bench.see(
      see({ serving: stored(1n, older), building: stored(2n), replaced: [replaced(4n, 1000), replaced(3n, 6000)] }),
    )
    expect(await push(bench.deps, 'delays', { rows: [row], form: 'json' })).toMatchObject({ accepted: 1 })
    expect([
      await bench.row('delays', ['ORD'], 1n),
      await bench.row('delays', ['ORD'], 2n),
      await bench.row('delays', ['ORD'], 4n),
    ]).toMatchObject([
      { values: [5], revision: 1n },
      { values: [5, 'x'], revision: 2n },
      { values: [5, 'x'], revision: 4n },
    ])
    expect(await bench.row('delays', ['ORD'], 3n)).toBeNull()
  })

  it('reaches a generation that was born while it wrote', async () => {
    const bench = ingestBench(definitions)
    // The push reads its schema by the first look, writes by the second, and looks once more before it answers.
    const before = see({ serving: stored(1n, older) })
    bench.see(before, before, see({ serving: stored(1n, older), building: stored(2n) }))
    await push(bench.deps, 'delays', { rows: [row], form: 'json' })
    expect((await bench.row('delays', ['ORD'], 2n))?.values).toEqual([5, 'x'])
  })

  it('is not older than what is served because a generation that does not serve has a later row', async () => {
    const bench = ingestBench(definitions)
    bench.see(see({ serving: stored(2n) }))
    await push(bench.deps, 'delays', { rows: [{ ...row, landed_at: '2026-01-01T11:30:00Z' }], form: 'json' })
    bench.see(see({ serving: stored(1n, older), building: stored(2n) }))
    expect(await push(bench.deps, 'delays', { rows: [row], form: 'json' })).toMatchObject({
      accepted: 1,
      superseded: 0,
    })
    expect(
      await push(bench.deps, 'delays', { rows: [{ ...row, landed_at: '2026-01-01T10:00:00Z' }], form: 'json' }),
    ).toMatchObject({ accepted: 0, superseded: 1 })
  })

  it('waits for no first generation: the row is history', async () => {
    const bench = ingestBench(definitions)
    bench.see(see({}))
    expect(await push(bench.deps, 'delays', { rows: [row], form: 'json' })).toMatchObject({ accepted: 1 })
    expect(bench.log.records()).toHaveLength(1)
  })

  it('deletes in all of them', async () => {
    const bench = ingestBench(definitions)
    bench.see(see({ serving: stored(1n, older), building: stored(2n) }))
    await push(bench.deps, 'delays', { rows: [row], form: 'json' })
    expect(await remove(bench.deps, 'delays', { keys: { airport: 'ORD' }, form: 'json' })).toEqual({ deleted: true })
    expect([
      (await bench.row('delays', ['ORD'], 1n))?.tombstone,
      (await bench.row('delays', ['ORD'], 2n))?.tombstone,
    ]).toEqual([true, true])
  })
})
