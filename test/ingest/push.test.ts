import { beforeEach, describe, expect, it } from 'vitest'
import type { PushAnswer } from '../../src/contract/store.ts'
import { push } from '../../src/ingest/push.ts'
import { formatInstant } from '../../src/values/instant.ts'
import { at, ingestBench, minute, noon, second, type IngestBench } from '../support/ingest-bench.ts'
import { entities, smallDefinitions, sources, view } from '../support/small-definitions.ts'

const definitions = smallDefinitions({
  entities: { ...entities, flight: { keys: { carrier: 'string', number: 'int64' } } },
  sources: { ...sources, hourly: { type: 'sql', sql: 'select * from taps', timestamp: 'at' } },
  views: {
    delays: view(),
    offline_delays: view({ online: false }),
    tapped: view({ source: 'taps' }),
    tapped_far: view({ source: 'taps', features: { far: { type: 'float64', column: 'miles' } } }),
    by_hour: view({ source: 'hourly' }),
    flown: view({ entities: ['flight'], features: { delay: 'int32' } }),
  },
  services: { model: { features: ['delays'] } },
})

let bench: IngestBench
beforeEach(() => {
  bench = ingestBench(definitions)
})

const send = async (
  target: string,
  rows: readonly unknown[],
  more: { to?: 'both' | 'online' | 'offline'; form?: 'json' | 'js' } = {},
): Promise<PushAnswer> => push(bench.deps, target, { rows, form: 'json', ...more })
const row = (
  airport: unknown,
  delay: unknown,
  landed: unknown = '2026-01-01T11:00:00Z',
  more: object = {},
): object => ({ airport, delay, landed_at: landed, ...more })
const code = (wanted: string, more: object = {}): Error => expect.objectContaining({ code: wanted, ...more }) as Error

describe('a push to a view', () => {
  it('stands in the log and is served', async () => {
    expect(await send('delays', [row('ORD', 12)])).toEqual({ accepted: 1, superseded: 0, rejected: [] })
    expect(await bench.row('delays', ['ORD'])).toEqual({
      event: at('2026-01-01T11:00:00Z'),
      created: noon,
      tombstone: false,
      revision: 1n,
      values: [12, null],
    })
    const [logged] = bench.log.records()
    expect(logged?.record).toMatchObject({
      target: { kind: 'view', name: 'delays' },
      to: 'both',
      columns: [
        { name: 'airport', type: 'string' },
        { name: 'delay', type: 'int32' },
        { name: 'miles', type: 'float64' },
      ],
      rows: [{ event: at('2026-01-01T11:00:00Z'), created: noon, values: ['ORD', 12, null] }],
    })
  })

  it('overwrites what it leaves out, since a push is a whole row', async () => {
    await send('delays', [row('ORD', 12, '2026-01-01T10:00:00Z', { miles: 100 })])
    await send('delays', [row('ORD', 13)])
    expect((await bench.row('delays', ['ORD']))?.values).toEqual([13, null])
  })

  it('counts rows that are older than what is served, and keeps them as history', async () => {
    await send('delays', [row('ORD', 1)])
    expect(await send('delays', [row('ORD', 2, '2026-01-01T10:00:00Z'), row('LGA', 3)])).toEqual({
      accepted: 1,
      superseded: 1,
      rejected: [],
    })
    expect((await bench.row('delays', ['ORD']))?.values[0]).toBe(1)
    expect(bench.log.records().flatMap(({ record }) => record.rows)).toHaveLength(3)
  })

  it('reduces rows of one entity to the latest, in any order; an exact duplicate is not older', async () => {
    const rows = [
      row('ORD', 1, '2026-01-01T10:00:00Z'),
      row('ORD', 3),
      row('ORD', 2, '2026-01-01T10:30:00Z'),
      row('ORD', 3),
    ]
    expect(await send('delays', rows)).toEqual({ accepted: 2, superseded: 2, rejected: [] })
    expect((await bench.row('delays', ['ORD']))?.values[0]).toBe(3)
  })

  it('settles equal times by a tie that is stored in history and online alike', async () => {
    await send('delays', [row('ORD', 1), row('ORD', 2), row('ORD', 3)])
    const best = bench.log
      .records()
      .flatMap(({ record }) => record.rows)
      .reduce((a, b) => (a.tie > b.tie ? a : b))
    expect((await bench.row('delays', ['ORD']))?.values[0]).toBe(best.values[1])
  })

  it('takes the created time that a row brings, and one clock time for all others', async () => {
    await send('delays', [
      row('ORD', 1, undefined, { loaded_at: '2026-01-01T11:30:00Z' }),
      row('LGA', 2, undefined, { loaded_at: null }),
      row('JFK', 3),
    ])
    expect((await bench.row('delays', ['ORD']))?.created).toBe(at('2026-01-01T11:30:00Z'))
    expect([(await bench.row('delays', ['LGA']))?.created, (await bench.row('delays', ['JFK']))?.created]).toEqual([
      noon,
      noon,
    ])
  })

  it('keeps good rows though others are bad, and says why each of those is', async () => {
    const answer = await send('delays', [
      row('ORD', 1),
      row('ORD', 1, undefined, { mile: 5 }),
      { delay: 1, landed_at: '2026-01-01T11:00:00Z' },
      row(null, 1),
      { airport: 'ORD', delay: 1 },
      row('ORD', 1, null),
      row('ORD', 2 ** 31),
      row(5, 1),
      row('ORD', 1, formatInstant(noon + 5n * minute + 1n)),
      row('ORD', 1, undefined, { loaded_at: formatInstant(noon + 5n * minute + 1n) }),
      row('x'.repeat(1025), 1),
      7,
      row('ORD', 1, formatInstant(noon + 5n * minute)),
    ])
    expect(answer).toMatchObject({ accepted: 1, superseded: 1 })
    expect(answer.rejected).toEqual([
      { row: 1, code: 'UNKNOWN_COLUMN', detail: 'View "delays" has no column "mile"' },
      { row: 2, code: 'MISSING_KEY', detail: 'The join key "airport" is missing' },
      { row: 3, code: 'NULL_KEY', detail: 'The join key "airport" is null' },
      { row: 4, code: 'NULL_TIMESTAMP', detail: 'The event time "landed_at" is missing' },
      { row: 5, code: 'NULL_TIMESTAMP', detail: 'The event time "landed_at" is null' },
      { row: 6, code: 'BAD_VALUE', detail: '"delay": 2147483648 is not an int32: it is out of range' },
      { row: 7, code: 'BAD_VALUE', detail: '"airport": 5 is not a string' },
      {
        row: 8,
        code: 'FUTURE_TIME',
        detail: '"landed_at" is 2026-01-01T12:05:00.000001Z, more than 5 minutes ahead of 2026-01-01T12:00:00Z',
      },
      {
        row: 9,
        code: 'FUTURE_TIME',
        detail: '"loaded_at" is 2026-01-01T12:05:00.000001Z, more than 5 minutes ahead of 2026-01-01T12:00:00Z',
      },
      { row: 10, code: 'KEY_TOO_LONG', detail: 'The join keys "airport" have 1025 bytes; 1024 are allowed' },
      { row: 11, code: 'BAD_VALUE', detail: '7 is not a row: an object with a member for each column' },
    ])
  })

  it('is refused when no row is good', async () => {
    await expect(send('delays', [row('ORD', 'late')])).rejects.toEqual(
      code('BAD_VALUE', { status: 400, at: '/rows/0/delay', message: '"delay": "late" is not an int32' }),
    )
    await expect(send('delays', [row(null, 1), row('ORD', 'late')])).rejects.toEqual(
      code('NULL_KEY', {
        message: 'None of the 2 rows is good; the first: The join key "airport" is null',
        errors: [code('NULL_KEY'), code('BAD_VALUE', { at: '/rows/1/delay' })],
      }),
    )
    expect(bench.log.records()).toEqual([])
    expect(await send('delays', [])).toEqual({ accepted: 0, superseded: 0, rejected: [] })
  })

  it('takes JavaScript values in their own kinds', async () => {
    await send(
      'flown',
      [
        { carrier: 'AA', number: 2n ** 60n, delay: 5, landed_at: new Date('2026-01-01T11:00:00.001Z') },
        { carrier: 'AA', number: 7, delay: undefined, landed_at: noon - 1n },
      ],
      { form: 'js' },
    )
    expect((await bench.row('flown', ['AA', 2n ** 60n]))?.event).toBe(at('2026-01-01T11:00:00.001Z'))
    expect(await bench.row('flown', ['AA', 7n])).toMatchObject({ event: noon - 1n, values: [null] })
    await expect(send('flown', [{ carrier: 'AA', number: 2 ** 53, landed_at: noon }], { form: 'js' })).rejects.toEqual(
      code('BAD_VALUE'),
    )
  })

  it('goes where it is sent', async () => {
    expect(await send('delays', [row('ORD', 1)], { to: 'offline' })).toEqual({
      accepted: 1,
      superseded: 0,
      rejected: [],
    })
    expect(await bench.row('delays', ['ORD'])).toBeNull()
    await send('delays', [row('ORD', 2)], { to: 'online' })
    expect((await bench.row('delays', ['ORD']))?.values[0]).toBe(2)
    expect(bench.log.records().map(({ record }) => record.to)).toEqual(['offline', 'online'])
    expect(await send('offline_delays', [row('ORD', 1)])).toEqual({ accepted: 1, superseded: 0, rejected: [] })
    await expect(send('offline_delays', [row('ORD', 1)], { to: 'online' })).rejects.toEqual(
      code('NOT_ONLINE', { message: 'View "offline_delays" is not online' }),
    )
    await expect(send('flights', [{ landed_at: '2026-01-01T11:00:00Z' }], { to: 'nowhere' as 'both' })).rejects.toEqual(
      code('BAD_REQUEST', { at: '/to' }),
    )
  })

  it('names what it does not know, and its limits', async () => {
    await expect(send('delay', [row('ORD', 1)])).rejects.toEqual(
      code('UNKNOWN_NAME', { message: 'There is no view or source "delay"', remedy: 'Did you mean "delays"?' }),
    )
    await expect(send('model', [row('ORD', 1)])).rejects.toEqual(
      code('UNKNOWN_NAME', { message: '"model" is a service; rows are pushed to views and sources' }),
    )
    await expect(
      send(
        'delays',
        Array.from({ length: 10_001 }, () => row('ORD', 1)),
      ),
    ).rejects.toEqual(code('PAYLOAD_TOO_LARGE', { status: 413 }))
    await expect(send('delays', {} as unknown[])).rejects.toEqual(code('BAD_REQUEST'))
    const call = { signal: AbortSignal.abort() }
    await expect(push(bench.deps, 'delays', { rows: [row('ORD', 1)], form: 'json' }, call)).rejects.toEqual(
      code('INTERRUPTED'),
    )
  })
})

describe('a push to a source', () => {
  const tap = (airport: string | null, delay: number, more: object = {}): object => ({
    airport,
    delay,
    at: '2026-01-01T11:00:00Z',
    ...more,
  })

  it('is a row of every view over it, but not of those over sql sources of it', async () => {
    expect(await send('taps', [tap('ORD', 1, { miles: 7.5 })])).toEqual({ accepted: 1, superseded: 0, rejected: [] })
    expect((await bench.row('tapped', ['ORD']))?.values).toEqual([1, 7.5])
    expect((await bench.row('tapped_far', ['ORD']))?.values).toEqual([7.5])
    expect(await bench.row('by_hour', ['ORD'])).toBeNull()
    const [logged] = bench.log.records()
    expect(logged?.record.columns.map((column) => column.name)).toEqual(['airport', 'delay', 'miles', 'at', 'created'])
    expect(logged?.record.rows[0]?.values).toEqual(['ORD', 1, 7.5, at('2026-01-01T11:00:00Z'), noon])
  })

  it('may lack what is a key of a view: there it is no row', async () => {
    expect(await send('taps', [tap(null, 1), tap('ORD', 2)])).toEqual({ accepted: 2, superseded: 0, rejected: [] })
    await expect(send('taps', [{ airport: 'ORD' }])).rejects.toEqual(code('NULL_TIMESTAMP'))
    await expect(send('taps', [tap('ORD', 1, { landed_at: noon })])).rejects.toEqual(
      code('UNKNOWN_COLUMN', {
        message: 'Source "taps" has no column "landed_at"',
        remedy: 'Its columns: airport, delay, miles, at, created.',
      }),
    )
  })

  it('is superseded only where no view took it', async () => {
    await send('tapped', [{ airport: 'ORD', delay: 9, at: '2026-01-01T11:30:00Z' }])
    expect(await send('taps', [tap('ORD', 1)])).toMatchObject({ accepted: 1, superseded: 0 })
    await send('tapped_far', [{ airport: 'ORD', far: 9, at: '2026-01-01T11:30:00Z' }])
    expect(await send('taps', [tap('ORD', 1)])).toMatchObject({ accepted: 0, superseded: 1 })
  })

  it('of files has the columns that the files are found to have', async () => {
    const columns = [
      ['airport', 'string'],
      ['delay', 'int16'],
      ['miles', 'float64'],
      ['landed_at', 'date'],
      ['loaded_at', 'timestamp'],
      ['price', 'DECIMAL(18,3)'],
      ['day', 'date'],
    ] as const
    bench.offline.files.set('flights', [
      {
        path: '/f',
        sizeBytes: 1,
        mtimeUs: 1n,
        inode: 1n,
        columns: columns.map(([name, type]) => ({ name, type: type as 'string' })),
        rows: [],
      },
    ])
    const flight = { airport: 'ORD', delay: 5, landed_at: '2026-01-01T11:00:00Z', day: '2026-01-01' }
    expect(await send('flights', [flight])).toMatchObject({ accepted: 1 })
    expect((await bench.row('delays', ['ORD']))?.values).toEqual([5, null])
    expect(bench.log.records()[0]?.record.columns).toEqual([
      { name: 'airport', type: 'string' },
      { name: 'delay', type: 'int32' },
      { name: 'miles', type: 'float64' },
      { name: 'landed_at', type: 'timestamp' },
      { name: 'loaded_at', type: 'timestamp' },
      { name: 'day', type: 'timestamp' },
    ])
    await expect(send('flights', [{ ...flight, price: 1 }])).rejects.toEqual(
      code('UNKNOWN_COLUMN', {
        message: 'The column "price" of source "flights" has the type DECIMAL(18,3), which cannot be pushed',
      }),
    )
  })

  it('of text cells or without files has the types that views read it as', async () => {
    expect(
      await send('flights', [
        { airport: 'ORD', delay: 5, carrier: undefined, number: 7, landed_at: '2026-01-01T11:00:00Z' },
      ]),
    ).toMatchObject({ accepted: 1 })
    expect(bench.log.records()[0]?.record.columns.map((column) => `${column.name} ${column.type}`)).toEqual([
      'airport string',
      'delay int32',
      'miles float64',
      'carrier string',
      'number int64',
      'landed_at timestamp',
      'loaded_at timestamp',
    ])
    const texts = ingestBench(definitions)
    texts.offline.files.set('flights', [
      {
        path: '/f',
        sizeBytes: 1,
        mtimeUs: 1n,
        inode: 1n,
        columns: ['airport', 'delay', 'note'].map((name) => ({ name, type: 'csv' as 'string' })),
        rows: [],
      },
    ])
    await push(texts.deps, 'flights', {
      rows: [{ airport: 'ORD', delay: 5, note: 'x', landed_at: '2026-01-01T11:00:00Z' }],
      form: 'json',
    })
    expect(texts.log.records()[0]?.record.rows[0]?.values.slice(0, 3)).toEqual(['ORD', 5, 'x'])
  })

  it('without any view that is online is refused there', async () => {
    const lonely = ingestBench(smallDefinitions({ views: { delays: view({ online: false }) } }))
    await expect(push(lonely.deps, 'taps', { rows: [tap('ORD', 1)], to: 'online', form: 'json' })).rejects.toEqual(
      code('NOT_ONLINE', { message: 'Source "taps" has no view that is online' }),
    )
    expect(await push(lonely.deps, 'taps', { rows: [tap('ORD', 1)], form: 'json' })).toMatchObject({ accepted: 1 })
  })
})

describe('the clock of a push', () => {
  it('may lag: a row up to five minutes ahead is served at once', async () => {
    bench.clock.set(noon - 4n * minute)
    await send('delays', [row('ORD', 1, formatInstant(noon))])
    expect((await bench.row('delays', ['ORD']))?.event).toBe(noon)
    bench.clock.set(noon - 5n * minute - second)
    await expect(send('delays', [row('ORD', 1, formatInstant(noon))])).rejects.toEqual(code('FUTURE_TIME'))
  })
})
