import assert from 'node:assert/strict'
import { parseExact } from '../codecs/exact-json.ts'
import { writeValue } from '../codecs/json-value.ts'
import type { Table } from '../contract/store.ts'
import type { WireDefinitions } from '../define/definition.ts'
import type { FeatureType } from '../values/feature-type.ts'
import type { Value } from '../values/value.ts'
import type { Law } from './law.ts'
import {
  type StoreHarness,
  type StoreUnderTest,
  hour,
  materialize,
  openThings,
  putThings,
  refusal,
  second,
  things,
} from './store-bench.ts'

/** A push source and a view over it, with keys and features of the types given. */
function pushed(keys: Readonly<Record<string, string>>, features: Readonly<Record<string, string>>): WireDefinitions {
  return {
    entities: { thing: { keys } },
    sources: { taps: { type: 'push', schema: { ...keys, ...features }, timestamp: 'at' } },
    views: { view: { entities: ['thing'], source: 'taps', features } },
    on_demand: {},
    services: {},
  }
}

async function openPushed(harness: StoreHarness, keys: Readonly<Record<string, string>>): Promise<StoreUnderTest> {
  const t = await harness.open()
  await t.store.apply(pushed(keys, { v: 'int64' }))
  return t
}

const statusLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'O1: every value has its status, in request order, duplicates and null keys answered',
    async run(harness) {
      await using t = await openThings(harness, [], { ttl: '1h', features: { v: 'int64', w: 'int64' } })
      const now = t.clock.now()
      await putThings(t, 'second', [
        { k: 1, at: now - hour, v: 1 },
        { k: 2, at: now, v: null, w: 2 },
        { k: 4, at: now - hour - 1n, v: 4 },
      ])
      await materialize(t)
      const keys = [4, 2, 1, 3, 1, null].map((k) => ({ k }))
      const rows = await t.store.online('view', keys)
      assert.deepEqual(rows.statuses, [
        ['OUTSIDE_MAX_AGE', 'OUTSIDE_MAX_AGE'],
        ['NULL_VALUE', 'PRESENT'],
        ['PRESENT', 'PRESENT'],
        ['NOT_FOUND', 'NOT_FOUND'],
        ['PRESENT', 'PRESENT'],
        ['NOT_FOUND', 'NOT_FOUND'],
      ])
      const none = { v: null, w: null }
      assert.deepEqual([...rows], [none, { v: null, w: 2 }, { v: 1, w: 101 }, none, { v: 1, w: 101 }, none])
      assert.deepEqual(rows.eventTimes, [[now - hour - 1n], [now], [now - hour], [null], [now - hour], [null]])
      const all = await t.store.online('view', keys.slice(0, 1), { includeExpired: true })
      assert.deepEqual([all[0], all.statuses], [{ v: 4, w: 104 }, [['OUTSIDE_MAX_AGE', 'OUTSIDE_MAX_AGE']]])
    },
  },
  {
    law: 'O2: a string key "5" is the text and not the number, and stands as itself in a URL',
    async run(harness) {
      await using t = await openPushed(harness, { k: 'string' })
      await t.store.push('view', [{ k: '5', at: t.clock.now(), v: 5 }])
      const read = async (k: unknown, form?: 'json' | 'text'): Promise<unknown> =>
        (await t.store.online('view', [{ k }], form === undefined ? {} : { form }))[0]?.['v']
      assert.deepEqual([await read('5', 'json'), await read('5', 'text'), await read('5')], [5, 5, 5])
      for (const form of ['json', undefined] as const)
        await assert.rejects(read(5, form), (thrown) => {
          assert.ok(refusal('BAD_VALUE')(thrown))
          return (thrown as { at?: string }).at === '/entities/0/k'
        })
    },
  },
  {
    law: 'O3: a missing join key is refused by its name; a null one is NOT_FOUND',
    async run(harness) {
      await using t = await openPushed(harness, { a: 'int64', b: 'string' })
      await t.store.push('view', [{ a: 1, b: 'x', at: t.clock.now(), v: 5 }])
      await assert.rejects(t.store.online('view', [{ a: 1, b: 'x' }, { a: 1 }]), refusal('MISSING_KEY', 'b'))
      await assert.rejects(t.store.online('view', [{ a: 1, b: 'x', c: 2 }]), refusal('UNKNOWN_COLUMN', 'c'))
      const rows = await t.store.online('view', [
        { a: 1, b: null },
        { a: null, b: 'x' },
        { b: 'x', a: 1 },
      ])
      assert.deepEqual(rows.statuses, [['NOT_FOUND'], ['NOT_FOUND'], ['PRESENT']])
    },
  },
  {
    law: 'a view is read under aliases, services are spread out, and names that meet are refused',
    async run(harness) {
      await using t = await harness.open()
      await putThings(t, 'first', [
        { k: 1, at: 0n, v: 1 },
        { k: 2, at: 0n, v: 2 },
      ])
      const services = { model: { features: ['view@from(k=a)', 'view@to(k=b):v'] } }
      await t.store.apply({ ...things(), services })
      await materialize(t)
      const rows = await t.store.online('model', [
        { a: 1, b: 2 },
        { a: 2, b: 3 },
      ])
      assert.deepEqual(
        [rows.features, rows.views],
        [
          ['from__v', 'to__v'],
          ['from', 'to'],
        ],
      )
      assert.deepEqual(
        [...rows],
        [
          { from__v: 1, to__v: 2 },
          { from__v: 2, to__v: null },
        ],
      )
      await assert.rejects(t.store.online(['view', 'view:v'], [{ k: 1 }]), refusal('NAME_COLLISION', 'view:v'))
      await assert.rejects(t.store.online('veiw', [{ k: 1 }]), { code: 'UNKNOWN_NAME' })
      const { version } = await t.store.registry()
      assert.equal(rows.registryVersion, version)
    },
  },
]

/** O5: each type with values that get lost easily, and the JSON that stands for them. */
const delicate: Readonly<
  Record<string, { type: FeatureType; values: readonly (Value | null)[]; json: readonly string[] }>
> = {
  b: { type: 'bool', values: [true, false, null], json: ['true', 'false', 'null'] },
  i: { type: 'int32', values: [-2_147_483_648, 2_147_483_647, 0], json: ['-2147483648', '2147483647', '0'] },
  l: {
    type: 'int64',
    values: [9_007_199_254_740_993n, -9_223_372_036_854_775_808n, null],
    json: ['9007199254740993', '-9223372036854775808', 'null'],
  },
  f: { type: 'float32', values: [Math.fround(0.1), Number.NaN, -0], json: ['0.1', '"NaN"', '-0'] },
  d: {
    type: 'float64',
    values: [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    json: ['"NaN"', '"Infinity"', '"-Infinity"'],
  },
  z: { type: 'float64', values: [-0, 0.1, 5e-324], json: ['-0', '0.1', '5e-324'] },
  s: { type: 'string', values: ['', 'naïve "quoted",\n 𝄞', null], json: ['""', '"naïve \\"quoted\\",\\n 𝄞"', 'null'] },
  y: { type: 'bytes', values: [Uint8Array.of(0, 255), new Uint8Array(), null], json: ['"AP8="', '""', 'null'] },
  t: {
    type: 'timestamp',
    values: [1n, -1n, 253_402_300_799_999_999n],
    json: ['"1970-01-01T00:00:00.000001Z"', '"1969-12-31T23:59:59.999999Z"', '"9999-12-31T23:59:59.999999Z"'],
  },
  e: {
    type: 'list<int64>',
    values: [[], [null], [9_007_199_254_740_993n, 1n]],
    json: ['[]', '[null]', '[9007199254740993,1]'],
  },
  g: { type: 'list<string>', values: [[''], null, ['a', null]], json: ['[""]', 'null', '["a",null]'] },
  w: { type: 'vector<2>', values: [[0.5, -1], [-0, Math.fround(0.1)], null], json: ['[0.5,-1]', '[-0,0.1]', 'null'] },
}
const names = Object.keys(delicate)
const rowsOf = (part: 'values' | 'json'): unknown[][] =>
  [0, 1, 2].map((i) => names.map((n) => delicate[n]?.[part][i] ?? null))

async function checkDelicate(t: StoreUnderTest, what: string): Promise<void> {
  const online = await t.store.online(
    'view',
    [0, 1, 2].map((k) => ({ k })),
    { int64: 'bigint' },
  )
  assert.deepEqual(online.exact, rowsOf('values'), `${what}, online`)
  const types = online.types as readonly FeatureType[]
  const json = online.exact.map((row) => row.map((value, i) => writeValue(types[i] ?? 'string', value as Value | null)))
  assert.deepEqual(json, rowsOf('json'), `${what}, as JSON`)
  const now = t.clock.now()
  const snapshot = await t.store.snapshot('view', { at: now })
  assert.deepEqual(await exactRows(snapshot, 2), rowsOf('values'), `${what}, in a snapshot`)
  const events = await t.store.events('view', { start: 0n, end: now + 1n })
  assert.deepEqual(await exactRows(events, 3), rowsOf('values'), `${what}, in events`)
  const spine = [0, 1, 2].map((k) => ({ k, event_timestamp: now }))
  const join = await t.store.historical('view', spine)
  assert.deepEqual(await exactRows(join, 2), rowsOf('values'), `${what}, in a join`)
}

/** The exact values of a table's rows, without its first columns. */
async function exactRows(table: Table, from: number): Promise<unknown[][]> {
  const rows: unknown[][] = []
  for await (const batch of table.batches())
    for (let i = 0; i < batch.rows; i++) rows.push(batch.columns.slice(from).map((column) => column[i] ?? null))
  return rows
}

const exactLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'O5: values of every type come back exactly, from files and from pushes, online and in history',
    async run(harness) {
      const features = Object.fromEntries(names.map((n) => [n, delicate[n]?.type ?? '']))
      {
        await using t = await harness.open()
        const columns = [
          { name: 'k', type: 'int64' },
          { name: 'at', type: 'timestamp' },
          { name: 'seen', type: 'timestamp' },
          ...names.map((name) => ({ name, type: delicate[name]?.type ?? 'string' })),
        ] as const
        const rows = rowsOf('values') as (Value | null)[][]
        await t.put('things', 'first', { columns, rows: rows.map((row, i) => [BigInt(i), second, null, ...row]) })
        await t.store.apply(things({ features }))
        await materialize(t)
        await checkDelicate(t, 'from a file')
      }
      for (const form of ['js', 'json'] as const) {
        await using t = await harness.open()
        await t.store.apply(pushed({ k: 'int64' }, features))
        const rows = rowsOf(form === 'js' ? 'values' : 'json').map((row, k) => ({
          k,
          at: '1970-01-01T00:00:01Z',
          ...Object.fromEntries(names.map((n, i) => [n, form === 'js' ? row[i] : parseExact(String(row[i]))])),
        }))
        assert.equal((await t.store.push('view', rows, { form })).accepted, 3)
        await checkDelicate(t, `pushed as ${form}`)
        await t.wipeOnline()
        await t.store.maintain()
        await checkDelicate(t, `pushed as ${form}, caught up`)
        await materialize(t)
        await checkDelicate(t, `pushed as ${form}, materialized`)
      }
    },
  },
  {
    law: 'integers beyond the safe range are never rounded: a number is refused, a bigint is exact',
    async run(harness) {
      await using t = await openPushed(harness, { k: 'int64' })
      const k = 9_007_199_254_740_993n
      await t.store.push('view', [
        { k, at: t.clock.now(), v: k },
        { k: k - 1n, at: t.clock.now(), v: 1n },
      ])
      await assert.rejects(t.store.online('view', [{ k }]), { code: 'BAD_VALUE' })
      const rows = await t.store.online('view', [{ k }, { k: k - 1n }], { int64: 'bigint' })
      assert.deepEqual([...rows], [{ v: k }, { v: 1n }])
    },
  },
]

/** Online reads: the vectors O1 to O3 and O5, aliases and services. */
export const storeOnlineLaws: readonly Law<StoreHarness>[] = [...statusLaws, ...exactLaws]
