import { beforeEach, describe, expect, it } from 'vitest'
import { deadLetterId } from '../../src/ingest/dead-letter.ts'
import { listDeadLetters, replayDeadLetters } from '../../src/ingest/dead-letters.ts'
import { push } from '../../src/ingest/push.ts'
import { snapshotOf } from '../support/hand-made-snapshot.ts'
import { type IngestBench, ingestBench, minute, noon } from '../support/ingest-bench.ts'
import { smallDefinitions, view } from '../support/small-definitions.ts'

const definitions = smallDefinitions({
  views: { delays: view(), tapped: view({ source: 'taps' }), kept: view({ online: false }) },
})
let bench: IngestBench
beforeEach(() => {
  bench = ingestBench(definitions)
})

const ahead = '2026-01-01T12:10:00Z'
const send = async (
  target: string,
  rows: readonly unknown[],
  more: { to?: 'both' | 'online'; form?: 'json' | 'js' } = {},
): Promise<unknown> => push(bench.deps, target, { rows, form: 'json', ...more }).catch((thrown: unknown) => thrown)
const list = async (query: Parameters<typeof listDeadLetters>[1] = {}): ReturnType<typeof listDeadLetters> =>
  listDeadLetters(bench.deps, query)
const code = (wanted: string): Error => expect.objectContaining({ code: wanted }) as Error

describe('dead letters', () => {
  it('are listed as they were sent, oldest first, with the reason', async () => {
    await send('delays', [
      { airport: 'ORD', delay: 1, landed_at: '2026-01-01T11:00:00Z' },
      { airport: 'ORD', delay: 9007199254740993n, landed_at: null },
    ])
    bench.clock.set(noon + minute)
    await send('taps', [{ airport: 5, at: ahead }])
    const { deadLetters, next } = await list()
    expect(deadLetters).toEqual([
      {
        id: deadLetters[0]?.id,
        at: '2026-01-01T12:00:00Z',
        source: 'delays',
        row: { airport: 'ORD', delay: 9007199254740993n, landed_at: null },
        code: 'NULL_TIMESTAMP',
        detail: 'The event time "landed_at" is null',
      },
      {
        id: deadLetters[1]?.id,
        at: '2026-01-01T12:01:00Z',
        source: 'taps',
        row: { airport: 5, at: ahead },
        code: 'FUTURE_TIME',
        detail: '"at" is 2026-01-01T12:10:00Z, more than 5 minutes ahead of 2026-01-01T12:01:00Z',
      },
    ])
    expect(next).toBeUndefined()
    expect((await list({ source: 'taps' })).deadLetters).toEqual([deadLetters[1]])
  })

  it('are listed in pages', async () => {
    await send(
      'delays',
      Array.from({ length: 5 }, (_, delay) => ({ delay })),
    )
    const rows: unknown[] = []
    let after: string | undefined
    do {
      const page = await list({ limit: 2, after })
      rows.push(...page.deadLetters.map((letter) => letter.row))
      after = page.next
    } while (after !== undefined)
    expect(rows).toEqual([0, 1, 2, 3, 4].map((delay) => ({ delay })))
    await expect(list({ limit: 0 })).rejects.toEqual(code('BAD_REQUEST'))
    await expect(list({ limit: 1001 })).rejects.toEqual(code('BAD_REQUEST'))
  })

  it('are also the rows of a push that was refused as a whole', async () => {
    expect(
      await send('kept', [{ airport: 'ORD', delay: 1, landed_at: '2026-01-01T11:00:00Z' }], { to: 'online' }),
    ).toEqual(code('NOT_ONLINE'))
    expect((await list()).deadLetters).toMatchObject([{ source: 'kept', code: 'NOT_ONLINE', row: { airport: 'ORD' } }])
    expect(await replayDeadLetters(bench.deps, {})).toEqual({ replayed: 1, accepted: 0, rejected: 1 })
  })

  it('keep JavaScript values in their wire form, and describe what has none', async () => {
    const cycle: unknown[] = []
    cycle.push(cycle)
    await send(
      'delays',
      [{ airport: 'ORD', delay: Number.NaN, landed_at: noon, loaded_at: new Date(0) }, { airport: cycle }, 'row'],
      { form: 'js' },
    )
    expect((await list()).deadLetters.map((letter) => letter.row)).toEqual([
      { airport: 'ORD', delay: 'NaN', landed_at: '2026-01-01T12:00:00Z', loaded_at: '1970-01-01T00:00:00Z' },
      'an object',
      'row',
    ])
  })

  it('are replayed as if they came now: good ones leave the list and are served, bad ones stay', async () => {
    await send('delays', [
      { airport: 'ORD', delay: 1, landed_at: ahead },
      { airport: 'LGA', delay: 'late', landed_at: ahead },
    ])
    await send('taps', [{ airport: 'ORD', delay: 2, at: ahead }])
    expect(await replayDeadLetters(bench.deps, {})).toEqual({ replayed: 3, accepted: 0, rejected: 3 })
    bench.clock.set(noon + 10n * minute)
    expect(await replayDeadLetters(bench.deps, { source: 'delays' })).toEqual({ replayed: 2, accepted: 1, rejected: 1 })
    expect(await bench.row('delays', ['ORD'])).toMatchObject({
      event: noon + 10n * minute,
      created: noon + 10n * minute,
      values: [1, null],
    })
    expect(await bench.row('tapped', ['ORD'])).toBeNull()
    const { deadLetters } = await list()
    expect(deadLetters.map((letter) => letter.source)).toEqual(['delays', 'taps'])
    expect(await replayDeadLetters(bench.deps, { ids: [deadLetters[1]?.id ?? '', 'unknown'] })).toEqual({
      replayed: 1,
      accepted: 1,
      rejected: 0,
    })
    expect((await bench.row('tapped', ['ORD']))?.values).toEqual([2, null])
    expect((await list()).deadLetters).toHaveLength(1)
  })

  it('become good when the definitions do, and keep where they were sent', async () => {
    await send('delays', [{ airport: 'ORD', delay: 'late', landed_at: '2026-01-01T11:00:00Z' }], { to: 'online' })
    bench.see(snapshotOf(smallDefinitions({ views: { delays: view({ features: { delay: 'string' } }) } })))
    expect(await replayDeadLetters(bench.deps, {})).toEqual({ replayed: 1, accepted: 1, rejected: 0 })
    expect(bench.log.records()[0]?.record.to).toBe('online')
  })

  it('of a target that is gone stay', async () => {
    await send('delays', [{ airport: 'ORD' }])
    bench.see(snapshotOf(smallDefinitions({ views: {} })))
    expect(await replayDeadLetters(bench.deps, {})).toEqual({ replayed: 1, accepted: 0, rejected: 1 })
    expect((await list()).deadLetters).toHaveLength(1)
  })

  it('are replayed once when two replays come at the same time', async () => {
    await send('delays', [{ airport: 'ORD', delay: 1, landed_at: ahead }])
    bench.clock.set(noon + 10n * minute)
    await Promise.all([replayDeadLetters(bench.deps, {}), replayDeadLetters(bench.deps, {})])
    expect(bench.log.records().flatMap(({ record }) => record.rows)).toHaveLength(1)
  })

  it('have ids that sort as they were made', () => {
    const ids = Array.from({ length: 5000 }, () => deadLetterId())
    expect(ids.toSorted()).toEqual(ids)
    expect(new Set(ids).size).toBe(ids.length)
  })
})
