import { beforeEach, describe, expect, it } from 'vitest'
import { push } from '../../src/ingest/push.ts'
import { type RemoveRequest, remove } from '../../src/ingest/remove.ts'
import { formatInstant } from '../../src/values/instant.ts'
import { tombstoneTie } from '../../src/values/order.ts'
import { type IngestBench, at, ingestBench, minute, noon } from '../support/ingest-bench.ts'
import { entities, smallDefinitions, view } from '../support/small-definitions.ts'

const definitions = smallDefinitions({
  entities: { ...entities, flight: { keys: { carrier: 'string', number: 'int64' } } },
  views: {
    delays: view(),
    kept: view({ online: false }),
    flown: view({ entities: ['flight'], features: { delay: 'int32' } }),
  },
})
let bench: IngestBench
beforeEach(() => {
  bench = ingestBench(definitions)
})

const put = async (landed: string, more: object = {}): Promise<unknown> =>
  push(bench.deps, 'delays', { rows: [{ airport: 'ORD', delay: 1, landed_at: landed, ...more }], form: 'json' })
const erase = async (request: Partial<RemoveRequest> = {}): Promise<{ deleted: boolean }> =>
  remove(bench.deps, 'delays', { keys: { airport: 'ORD' }, form: 'json', ...request })
const code = (wanted: string, more: object = {}): Error => expect.objectContaining({ code: wanted, ...more }) as Error

describe('a delete', () => {
  it('is a tombstone in the log and online', async () => {
    await put('2026-01-01T11:00:00Z')
    expect(await erase()).toEqual({ deleted: true })
    expect(await bench.row('delays', ['ORD'])).toMatchObject({ tombstone: true, event: noon, created: noon + 1n })
    expect(bench.log.records()[1]?.record).toMatchObject({
      target: { kind: 'view', name: 'delays' },
      to: 'both',
      rows: [{ event: noon, created: noon + 1n, tie: tombstoneTie, values: ['ORD', null, null] }],
    })
    expect(await erase()).toEqual({ deleted: false })
  })

  it('answers false where nothing was there, and holds for rows that come late', async () => {
    expect(await erase()).toEqual({ deleted: false })
    expect(await put('2026-01-01T11:00:00Z')).toMatchObject({ accepted: 0, superseded: 1 })
  })

  it('beats a row that is ahead of the clock, in event and created time', async () => {
    const ahead = formatInstant(noon + 4n * minute)
    await put(ahead, { loaded_at: ahead })
    expect(await erase()).toEqual({ deleted: true })
    expect(await bench.row('delays', ['ORD'])).toMatchObject({
      tombstone: true,
      event: noon + 4n * minute,
      created: noon + 4n * minute + 1n,
    })
    // Also a second delete in the same microsecond, and the row once more.
    await put(ahead, { loaded_at: ahead })
    expect((await bench.row('delays', ['ORD']))?.tombstone).toBe(true)
  })

  it('happens at the instant named, which decides', async () => {
    await put('2026-01-01T11:00:00Z')
    expect(await erase({ at: '2026-01-01T10:59:59.999999Z' })).toEqual({ deleted: false })
    expect((await bench.row('delays', ['ORD']))?.tombstone).toBe(false)
    expect(await erase({ at: new Date('2026-01-01T11:00:00Z'), form: 'js' })).toEqual({ deleted: true })
    expect((await bench.row('delays', ['ORD']))?.event).toBe(at('2026-01-01T11:00:00Z'))
    await expect(erase({ at: formatInstant(noon + 5n * minute + 1n) })).rejects.toEqual(
      code('FUTURE_TIME', { at: '/at' }),
    )
    await expect(erase({ at: 'yesterday' })).rejects.toEqual(code('BAD_VALUE', { at: '/at' }))
  })

  it('of a view that is not online is history', async () => {
    expect(await remove(bench.deps, 'kept', { keys: { airport: 'ORD' }, form: 'json' })).toEqual({ deleted: false })
    expect(bench.log.records()).toHaveLength(1)
  })

  it('names its entity by all join keys, also as the text of a URL', async () => {
    await push(bench.deps, 'flown', {
      rows: [{ carrier: 'AA', number: 7, delay: 1, landed_at: '2026-01-01T11:00:00Z' }],
      form: 'json',
    })
    const flown = async (
      keys: Record<string, unknown>,
      form: 'json' | 'text' = 'json',
    ): Promise<{ deleted: boolean }> => remove(bench.deps, 'flown', { keys, form })
    await expect(flown({ carrier: 'AA' })).rejects.toEqual(
      code('MISSING_KEY', { message: 'The join key "number" is missing' }),
    )
    await expect(flown({ carrier: 'AA', number: null })).rejects.toEqual(code('NULL_KEY', { at: '/number' }))
    await expect(flown({ carrier: 'AA', number: '7' })).rejects.toEqual(code('BAD_VALUE', { at: '/number' }))
    await expect(flown({ carrier: 'AA', number: 7, carier: 'x' })).rejects.toEqual(
      code('UNKNOWN_COLUMN', { remedy: 'Did you mean "carrier"?' }),
    )
    await expect(remove(bench.deps, 'flow', { keys: {}, form: 'json' })).rejects.toEqual(
      code('UNKNOWN_NAME', { remedy: 'Did you mean "flown"?' }),
    )
    expect(await flown({ carrier: 'AA', number: '8' }, 'text')).toEqual({ deleted: false })
    expect(await flown({ carrier: 'AA', number: '7' }, 'text')).toEqual({ deleted: true })
  })
})
