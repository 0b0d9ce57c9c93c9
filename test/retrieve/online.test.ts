import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { OnlineRows } from '../../src/contract/store.ts'
import type { Definitions } from '../../src/define/definition.ts'
import { openLmdbOnline } from '../../src/engines/lmdb/online.ts'
import { memoryOnline } from '../../src/engines/memory/online.ts'
import { manualClock } from '../../src/kernel/clock.ts'
import type { OnlineStore } from '../../src/ports/online.ts'
import { type OnlineDeps, type OnlineReadOptions, findOnline } from '../../src/retrieve/online.ts'
import { onlineRows } from '../../src/retrieve/online-rows.ts'
import { put, sketched, snapshotOf } from '../support/hand-made-snapshot.ts'

const second = 1_000_000n
const now = 1_700_000_000n * second
const airports = {
  name: 'airports',
  keys: { airport: 'string' },
  features: { delay: 'float64', landed: 'int64' },
  ttlUs: 100n * second,
} as const
const routes = { name: 'routes', keys: { origin: 'string', number: 'int64' }, features: { miles: 'float64' } } as const
const globals = { name: 'globals', keys: {}, features: { rate: 'float32' }, ttlUs: 50n * second } as const
const flights = sketched([airports, routes, globals], { model: ['airports@from(airport=origin)', 'routes'] })
const snapshot = snapshotOf(flights)

interface OnlineResult extends Pick<OnlineRows, 'features' | 'types' | 'views' | 'registryVersion'> {
  readonly rows: readonly {
    readonly values: readonly unknown[]
    readonly statuses: readonly string[]
    readonly eventTimes: readonly (bigint | null)[]
  }[]
}

/** What is found, exact and by position. The objects say the same. */
async function readOnline(
  deps: OnlineDeps,
  references: readonly string[],
  entities: readonly Readonly<Record<string, unknown>>[],
  options?: OnlineReadOptions,
): Promise<OnlineResult> {
  const answer = onlineRows(await findOnline(deps, references, entities, options), {
    int64: 'bigint',
    instants: 'micros',
  })
  const { features, types, views, registryVersion, exact, statuses, eventTimes } = answer
  expect(answer.map((row) => Object.values(row))).toEqual(exact)
  for (const row of answer) expect(Object.keys(row)).toEqual(features)
  const rows = exact.map((values, i) => ({ values, statuses: statuses[i] ?? [], eventTimes: eventTimes[i] ?? [] }))
  return { features, types, views, registryVersion, rows }
}

type Opened = OnlineStore & { readonly home?: string }
const engines: Readonly<Record<string, () => Promise<Opened>>> = {
  memory: async () => memoryOnline().open(),
  LMDB: async () => {
    const home = mkdtempSync(join(tmpdir(), 'provender-online-'))
    return Object.assign(await openLmdbOnline(home), { home })
  },
}

describe.each(Object.keys(engines))('online reads on %s', (engine) => {
  let online: Opened
  const clock = manualClock(now)
  const read = async (
    references: string | string[],
    entities: readonly Readonly<Record<string, unknown>>[],
    options?: OnlineReadOptions,
  ): Promise<OnlineResult> =>
    readOnline({ online, clock, snapshots: { lastSeen: async () => snapshot } }, [references].flat(), entities, options)

  beforeEach(async () => {
    online = await (engines[engine] ?? engines['memory'])!()
    clock.set(now)
  })

  afterEach(async () => {
    await online[Symbol.asyncDispose]()
    if (online.home !== undefined) rmSync(online.home, { recursive: true, force: true })
  })

  test('each value has its status: fresh, null, no row, too old, deleted', async () => {
    await put(online, snapshot, 'airports', { keys: ['fresh'], values: [1.5, 7n], event: now - 100n * second })
    await put(online, snapshot, 'airports', { keys: ['null'], values: [null, 7n], event: now })
    await put(online, snapshot, 'airports', { keys: ['old'], values: [2.5, null], event: now - 100n * second - 1n })
    await put(online, snapshot, 'airports', { keys: ['deleted'], values: [3.5, 1n], event: now - second })
    await put(online, snapshot, 'airports', { keys: ['deleted'], values: null, event: now })
    const entities = ['fresh', 'null', 'none', 'old', 'deleted', null].map((airport) => ({ airport }))
    const result = await read('airports', entities)
    expect(result).toMatchObject({
      features: ['delay', 'landed'],
      types: ['float64', 'int64'],
      views: ['airports'],
      registryVersion: 7,
    })
    expect(result.rows).toEqual([
      { values: [1.5, 7n], statuses: ['PRESENT', 'PRESENT'], eventTimes: [now - 100n * second] },
      { values: [null, 7n], statuses: ['NULL_VALUE', 'PRESENT'], eventTimes: [now] },
      { values: [null, null], statuses: ['NOT_FOUND', 'NOT_FOUND'], eventTimes: [null] },
      {
        values: [null, null],
        statuses: ['OUTSIDE_MAX_AGE', 'OUTSIDE_MAX_AGE'],
        eventTimes: [now - 100n * second - 1n],
      },
      { values: [null, null], statuses: ['NOT_FOUND', 'NOT_FOUND'], eventTimes: [null] },
      { values: [null, null], statuses: ['NOT_FOUND', 'NOT_FOUND'], eventTimes: [null] },
    ])
    const expired = await read('airports', [{ airport: 'old' }], { includeExpired: true })
    expect(expired.rows).toEqual([
      { values: [2.5, null], statuses: ['OUTSIDE_MAX_AGE', 'OUTSIDE_MAX_AGE'], eventTimes: [now - 100n * second - 1n] },
    ])
    clock.set(now - 1n)
    expect((await read('airports', [{ airport: 'old' }])).rows[0]?.values, 'the bound is inclusive').toEqual([
      2.5,
      null,
    ])
  })

  test('a string key is "5" and never 5, but in a URL', async () => {
    await put(online, snapshot, 'airports', { keys: ['5'], values: [1, 1n], event: now })
    for (const form of ['js', 'json', 'text'] as const)
      expect((await read('airports', [{ airport: '5' }], { form })).rows[0]?.values).toEqual([1, 1n])
    for (const form of ['js', 'json'] as const)
      await expect(read('airports', [{ airport: '5' }, { airport: 5 }], { form })).rejects.toMatchObject({
        code: 'BAD_VALUE',
        at: '/entities/1/airport',
      })
    await put(online, snapshot, 'routes', { keys: ['ORD', 12n], values: [9], event: now })
    expect((await read('routes', [{ origin: 'ORD', number: '12' }], { form: 'text' })).rows[0]?.values).toEqual([9])
    expect(
      (
        await read('routes', [
          { origin: 'ORD', number: 12n },
          { origin: 'ORD', number: 12 },
        ])
      ).rows.map((r) => r.values),
    ).toEqual([[9], [9]])
    await expect(read('routes', [{ origin: 'ORD', number: '12' }], { form: 'json' })).rejects.toMatchObject({
      code: 'BAD_VALUE',
      at: '/entities/0/number',
    })
    await expect(
      read('routes', [{ origin: 'ORD', number: 'x' }], { form: 'text', placeOf: (_, field) => `?${field}` }),
    ).rejects.toMatchObject({ code: 'BAD_VALUE', at: '?number' })
  })

  test('a missing key is named, a null one is NOT_FOUND, what is no key is refused', async () => {
    await expect(read('routes', [{ origin: 'ORD', number: 1 }, { origin: 'ORD' }])).rejects.toMatchObject({
      code: 'MISSING_KEY',
      at: '/entities/1/number',
      message: expect.stringContaining('"number" of routes') as string,
    })
    await expect(read('airports', [{ airport: undefined }])).rejects.toMatchObject({
      code: 'MISSING_KEY',
      at: '/entities/0/airport',
    })
    await expect(read('airports@to(airport=a/b)', [{}])).rejects.toMatchObject({
      code: 'MISSING_KEY',
      at: '/entities/0/a~1b',
    })
    expect(
      (
        await read('routes', [
          { origin: null, number: 1 },
          { origin: 'ORD', number: null },
        ])
      ).rows.map((r) => r.statuses),
    ).toEqual([['NOT_FOUND'], ['NOT_FOUND']])
    await expect(read('airports', [{ airport: 'ORD', airprt: 1 }])).rejects.toMatchObject({
      code: 'UNKNOWN_COLUMN',
      at: '/entities/0/airprt',
      remedy: 'Did you mean airport?',
    })
    await expect(read('airports', ['ORD' as never])).rejects.toMatchObject({ code: 'BAD_REQUEST', at: '/entities/0' })
    await expect(read('airports', [{ airport: 'x'.repeat(1025) }])).rejects.toMatchObject({
      code: 'KEY_TOO_LONG',
      at: '/entities/0/airport',
    })
    await expect(read('airports', [{ airport: 'x'.repeat(100_000) }])).rejects.toMatchObject({ code: 'KEY_TOO_LONG' })
    expect((await read('airports', [{ airport: 'x'.repeat(1024) }])).rows).toHaveLength(1)
    await expect(
      read(
        'airports',
        Array.from({ length: 10_001 }, () => ({ airport: 'x' })),
      ),
    ).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' })
    expect((await read('airports', [])).rows).toEqual([])
  })

  test('one view may be read under aliases, beside others; each has its event time', async () => {
    await put(online, snapshot, 'airports', { keys: ['ORD'], values: [1, 10n], event: now - 1n })
    await put(online, snapshot, 'airports', { keys: ['LGA'], values: [2, null], event: now - 200n * second })
    await put(online, snapshot, 'routes', { keys: ['ORD', 5n], values: [733], event: now - 2n })
    await put(online, snapshot, 'globals', { keys: [], values: [0.5], event: now - 3n })
    const result = await read(
      ['model', 'airports@to(airport=destination):landed', 'globals', 'airports@to(airport=destination):delay'],
      [
        { origin: 'ORD', number: 5, destination: 'LGA' },
        { origin: null, number: 5, destination: 'ORD' },
      ],
    )
    expect(result.features).toEqual(['from__delay', 'from__landed', 'miles', 'to__landed', 'rate', 'to__delay'])
    expect(result.views).toEqual(['from', 'routes', 'to', 'globals'])
    expect(result.rows).toEqual([
      {
        values: [1, 10n, 733, null, 0.5, null],
        statuses: ['PRESENT', 'PRESENT', 'PRESENT', 'OUTSIDE_MAX_AGE', 'PRESENT', 'OUTSIDE_MAX_AGE'],
        eventTimes: [now - 1n, now - 2n, now - 200n * second, now - 3n],
      },
      {
        values: [null, null, null, 10n, 0.5, 1],
        statuses: ['NOT_FOUND', 'NOT_FOUND', 'NOT_FOUND', 'PRESENT', 'PRESENT', 'PRESENT'],
        eventTimes: [null, null, now - 1n, now - 3n],
      },
    ])
  })

  test('every value comes back as it went in', async () => {
    const columns = {
      i: 'int64',
      b: 'bytes',
      nan: 'float64',
      inf: 'float64',
      zero: 'float64',
      f: 'float32',
      empty: 'list<int64>',
      holes: 'list<string>',
      at: 'timestamp',
      v: 'vector<2>',
      yes: 'bool',
    } as const
    const exact = snapshotOf(sketched([{ name: 'exact', keys: { k: 'bytes' }, features: columns }]))
    const values = [
      9_007_199_254_740_993n,
      new Uint8Array([0, 255]),
      Number.NaN,
      -Infinity,
      -0,
      Math.fround(0.1),
      [],
      [null, 'ü'],
      -1n,
      [Math.fround(0.3), -0],
      true,
    ]
    const key = new Uint8Array([0, 1, 255])
    await put(online, exact, 'exact', { keys: [key], values, event: now })
    const result = await readOnline(
      { online, clock, snapshots: { lastSeen: async () => exact } },
      ['exact'],
      [{ k: key }, { k: 'AAH/' }],
    )
    for (const row of result.rows) {
      expect(row.statuses).toEqual(Object.keys(columns).map(() => 'PRESENT'))
      expect(row.values.map((v) => (v instanceof Uint8Array ? [...v] : v))).toEqual(
        values.map((v) => (v instanceof Uint8Array ? [...v] : v)),
      )
      expect(Object.is(row.values[4], -0)).toBe(true)
    }
  })

  test('a row is read by what it was stored as: columns of another type or meaning, and new ones, read NULL_VALUE', async () => {
    await put(online, snapshot, 'airports', { keys: ['ORD'], values: [1, 10n], event: now })
    const changed = (definitions: Definitions): Definitions => ({
      ...definitions,
      views: new Map(definitions.views).set('airports', {
        ...definitions.views.get('airports')!,
        features: [
          { name: 'gates', type: 'int32', column: 'gates' },
          { name: 'landed', type: 'int64', column: 'landed' },
          { name: 'delay', type: 'float64', column: 'minutes' },
        ],
      }),
    })
    const result = await readOnline(
      { online, clock, snapshots: { lastSeen: async () => snapshotOf(changed(flights)) } },
      ['airports'],
      [{ airport: 'ORD' }],
    )
    expect(result.rows).toEqual([
      { values: [null, 10n, null], statuses: ['NULL_VALUE', 'PRESENT', 'NULL_VALUE'], eventTimes: [now] },
    ])
  })

  test('any list of entities is answered in its order, duplicates too, as a plain look-up would', async () => {
    const stored = new Map<string, readonly [number, bigint]>()
    for (const [airport, delay, age] of [
      ['A', 1, 0n],
      ['B', 2, 99n],
      ['C', 3, 101n],
    ] as const) {
      await put(online, snapshot, 'airports', { keys: [airport], values: [delay, null], event: now - age * second })
      stored.set(airport, [delay, age])
    }
    const answer = (airport: string | null): readonly [number | null, string] => {
      const row = airport === null ? undefined : stored.get(airport)
      return row === undefined ? [null, 'NOT_FOUND'] : row[1] > 100n ? [null, 'OUTSIDE_MAX_AGE'] : [row[0], 'PRESENT']
    }
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ x: fc.constantFrom('A', 'B', 'C', 'D', null), y: fc.constantFrom('A', 'B', 'C', 'D', null) }),
          { maxLength: 30 },
        ),
        async (entities) => {
          const { rows } = await read(['airports@to(airport=y):delay', 'airports@from(airport=x):delay'], entities)
          expect(rows.map((r) => r.values.map((v, i) => [v, r.statuses[i]]))).toEqual(
            entities.map(({ x, y }) => [answer(y), answer(x)]),
          )
        },
      ),
      { numRuns: 50 },
    )
  })

  test('a store is asked once per request, whatever its size', async () => {
    let reads = 0
    const counting: OnlineStore = {
      ...online,
      read: async (requests, call) => (reads++, online.read(requests, call)),
      [Symbol.asyncDispose]: async () => undefined,
    }
    await put(online, snapshot, 'airports', { keys: ['ORD'], values: [1, 10n], event: now })
    await readOnline(
      { online: counting, clock, snapshots: { lastSeen: async () => snapshot } },
      ['model', 'globals'],
      [
        { origin: 'ORD', number: 1 },
        { origin: 'ORD', number: 2 },
      ],
    )
    expect(reads).toBe(1)
  })
})

test('a row whose schema the store lost is an error, not a guess', async () => {
  const store = memoryOnline()
  const online = store.open()
  await put(online, snapshot, 'airports', { keys: ['ORD'], values: [1, 10n], event: now })
  store.restore({ ...store.snapshot(), schemas: new Map() })
  const fresh = snapshotOf(flights)
  await expect(
    readOnline(
      { online, clock: manualClock(now), snapshots: { lastSeen: async () => fresh } },
      ['airports'],
      [{ airport: 'ORD' }],
    ),
  ).rejects.toMatchObject({ code: 'CORRUPT_STORE' })
})
