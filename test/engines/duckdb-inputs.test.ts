import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FileSourceDef } from '../../src/define/definition.ts'
import type { SpineInput } from '../../src/ports/offline.ts'
import { type AsOf, type AsOfJoin, type InputRows, own } from '../../src/query/relation.ts'
import type { FeatureType } from '../../src/values/feature-type.ts'
import { type DuckdbBench, columnsOf, openBench } from '../support/duckdb-bench.ts'

const T0 = 1_577_836_800_000_000n
let bench: DuckdbBench
beforeAll(async () => {
  bench = await openBench()
  await bench.sql(
    `COPY (SELECT * FROM (VALUES (1::BIGINT, 'A', 5, TIMESTAMP '2020-01-01'), (2, 'B', 6, TIMESTAMP '2020-01-01'), (9223372036854775807, 'C', 7, TIMESTAMP '2020-01-01')) t(id, airport, delay, "at")) TO '{dir}/flights.parquet'`,
  )
})
afterAll(async () => {
  await bench[Symbol.asyncDispose]()
})

const flights: FileSourceDef = {
  kind: 'source',
  name: 'flights',
  type: 'parquet',
  path: 'flights.parquet',
  timestamp: 'at',
}

function join1(key: string, type: FeatureType, spineKey: string, as = 'delay'): AsOfJoin {
  const take = [
    { column: key, as: 'key', type },
    { column: 'delay', as: 'delay', type: 'int32' },
    { column: 'at', as: own.event, type: 'timestamp' },
  ] as const
  const columns = [
    ...take.map((t) => ({ as: t.as, column: t.as })),
    { as: own.created, type: 'timestamp' as const, constant: null },
  ]
  return {
    right: { kind: 'derive', input: { kind: 'source', source: flights, take }, columns },
    on: [{ left: spineKey, right: 'key' }],
    ttlUs: 0n,
    knownByLeft: false,
    order: [own.event, own.created],
    outputs: [{ column: 'delay', as }],
  }
}

const plan = (uses: InputRows['uses'], at: string, joins: readonly AsOfJoin[]): AsOf => ({
  kind: 'asOf',
  left: { kind: 'input', name: 'spine', uses },
  at,
  joins,
})
const byId = plan(
  [
    { name: 'id', type: 'int64' },
    { name: 'event_timestamp', type: 'timestamp' },
  ],
  'event_timestamp',
  [join1('id', 'int64', 'id')],
)
const byAirport = plan(
  [
    { name: 'airport', type: 'string' },
    { name: 'event_timestamp', type: 'timestamp' },
  ],
  'event_timestamp',
  [join1('airport', 'string', 'airport')],
)

async function ask(
  asOf: AsOf,
  spine: SpineInput,
): Promise<{ types: Record<string, unknown>; columns: Record<string, unknown[]> }> {
  const result = await bench.offline.query({ plan: asOf, inputs: new Map([['spine', spine]]) })
  const types = Object.fromEntries(result.fields.map((f) => [f.name, f.type]))
  return { types, columns: await columnsOf(result) }
}
const inFile = async (name: string, text: string): Promise<string> => {
  await writeFile(join(bench.dir, name), text)
  return join(bench.dir, name)
}

describe('a spine of rows', () => {
  test('columns keep their order, their values and a type of their own', async () => {
    const rows = [
      {
        label: 1,
        id: 1,
        event_timestamp: '2020-01-01T01:00:00+01:00',
        text: 'é',
        flag: true,
        big: 9223372036854775807n,
        when: new Date(1),
        bytes: Uint8Array.of(1),
        list: [1, null, 3],
        floats: [0.5, 'NaN'],
        nested: { a: [1n] },
        none: null,
      },
      { label: 2.5, id: 9223372036854775807n, event_timestamp: T0 - 1n, late: 'x' },
      { label: 'NaN', id: 2, event_timestamp: new Date(1_577_836_800_000) },
    ]
    const { types, columns } = await ask(byId, { kind: 'rows', rows })
    expect(types).toEqual({
      label: 'float64',
      id: 'int64',
      event_timestamp: 'timestamp',
      text: 'string',
      flag: 'bool',
      big: 'int64',
      when: 'timestamp',
      bytes: 'bytes',
      list: 'list<int64>',
      floats: 'list<float64>',
      nested: { foreign: 'JSON' },
      none: 'string',
      late: 'string',
      delay: 'int32',
    })
    expect(columns).toEqual({
      label: [1, 2.5, Number.NaN],
      id: [1n, 9223372036854775807n, 2n],
      event_timestamp: [T0, T0 - 1n, T0],
      text: ['é', null, null],
      flag: [true, null, null],
      big: [9223372036854775807n, null, null],
      when: [1000n, null, null],
      bytes: [Uint8Array.of(1), null, null],
      list: [[1n, null, 3n], null, null],
      floats: [[0.5, Number.NaN], null, null],
      nested: ['{"a":[1]}', null, null],
      none: [null, null, null],
      late: [null, 'x', null],
      delay: [5, null, 6],
    })
  })

  test('names of any kind, also those that SQL, JavaScript and Provender use', async () => {
    const row = {
      id: 1,
      event_timestamp: '2020-01-01',
      c0: 'a',
      row: 'b',
      u0: 'c',
      key: 'd',
      _event: 'e',
      at: 'f',
      'a"b': 'g',
      "it's": 'h',
      '': 'i',
      constructor: 'j',
      'new\nline': 'k',
      o0: 'l',
    }
    const { columns } = await ask(byId, { kind: 'rows', rows: [row, { id: 2, event_timestamp: '2020-01-01' }] })
    expect(columns).toEqual({
      ...Object.fromEntries(Object.entries(row).map(([name, value]) => [name, [value, null]])),
      id: [1n, 2n],
      event_timestamp: [T0, T0],
      delay: [5, 6],
    })
  })

  test('as columns; an empty one; one row many times', async () => {
    expect(
      (await ask(byId, { kind: 'columns', columns: { id: [2, null], event_timestamp: ['2020-01-01', '2020-01-01'] } }))
        .columns,
    ).toEqual({ id: [2n, null], event_timestamp: [T0, T0], delay: [6, null] })
    expect((await ask(byId, { kind: 'rows', rows: [] })).columns).toEqual({ id: [], event_timestamp: [], delay: [] })
    const many = Array.from({ length: 5000 }, (_, i) => ({ id: 1, event_timestamp: '2020-01-01', n: i }))
    const { columns } = await ask(byId, { kind: 'rows', rows: many })
    expect(columns['n']).toEqual(many.map((r) => BigInt(r.n)))
    expect(new Set(columns['delay'])).toEqual(new Set([5]))
    await expect(ask(byId, { kind: 'columns', columns: { id: [1], event_timestamp: [] } })).rejects.toMatchObject({
      code: 'BAD_REQUEST',
    })
  })

  test.each([
    ['a text as an int key', { id: '1', event_timestamp: '2020-01-01' }, 'BAD_VALUE', '/spine/rows/1/id'],
    ['a number as an instant', { id: 1, event_timestamp: 5 }, 'BAD_VALUE', '/spine/rows/1/event_timestamp'],
    ['a fraction as a key', { id: 1.5, event_timestamp: '2020-01-01' }, 'BAD_VALUE', '/spine/rows/1/id'],
  ])('%s is refused with its place', async (_, row, code, at) => {
    await expect(
      ask(byId, { kind: 'rows', rows: [{ id: 1, event_timestamp: '2020-01-01' }, row] }),
    ).rejects.toMatchObject({ code, at })
  })

  test.each([
    ['numbers and texts', [1, 'x']],
    ['a list and a number', [[1], 1]],
    ['a boolean and "NaN"', [true, 'NaN']],
    ['an instant and a text', [new Date(0), 'x']],
    ['elements', [[1, 'x'], null]],
  ])('a column of %s is refused by name', async (_, values) => {
    const rows = values.map((mixed) => ({ id: 1, event_timestamp: '2020-01-01', mixed }))
    await expect(ask(byId, { kind: 'rows', rows })).rejects.toMatchObject({
      code: 'BAD_VALUE',
      message: expect.stringContaining('"mixed"') as string,
    })
  })

  test('missing columns, missing instants and colliding names are told', async () => {
    await expect(ask(byId, { kind: 'rows', rows: [{ Id: 1, event_timestamp: '2020-01-01' }] })).rejects.toMatchObject({
      code: 'MISSING_KEY',
      remedy: expect.stringContaining('"Id"') as string,
    })
    const rows = [1, null, 3, null].map((n) => ({ id: 1, event_timestamp: n === null ? null : '2020-01-01' }))
    await expect(ask(byId, { kind: 'rows', rows })).rejects.toMatchObject({
      code: 'MISSING_TIMESTAMP',
      message: expect.stringMatching(/^2 of 4 .*row 2,/) as string,
    })
    await expect(
      ask(byId, { kind: 'rows', rows: [{ id: 1, event_timestamp: '2020-01-01', Delay: 1 }] }),
    ).rejects.toMatchObject({ code: 'NAME_COLLISION', message: expect.stringMatching(/"Delay".*"delay"/) as string })
    await expect(
      ask(byId, { kind: 'rows', rows: [{ id: 1, event_timestamp: '2020-01-01', ID: 1 }] }),
    ).rejects.toMatchObject({ code: 'NAME_COLLISION' })
  })
})

describe('a spine in a file', () => {
  test('NDJSON: every digit, types found over all lines, places of faults', async () => {
    const path = await inFile(
      'spine.ndjson',
      '{"id":9223372036854775807,"event_timestamp":"2020-01-01T00:00:00.0000019Z","n":1}\n\n{"n":1e2,"id":1,"event_timestamp":"2020-01-01","more":"x"}\n',
    )
    const { types, columns } = await ask(byId, { kind: 'file', path, format: 'ndjson' })
    expect(types).toMatchObject({ n: 'int64', more: 'string' })
    expect(columns).toEqual({
      id: [9223372036854775807n, 1n],
      event_timestamp: [T0 + 1n, T0],
      n: [1n, 100n],
      more: [null, 'x'],
      delay: [7, 5],
    })
    const bad = await inFile(
      'bad.ndjson',
      '{"id":1,"event_timestamp":"2020-01-01"}\n{"id":1,"event_timestamp":"soon"}\n',
    )
    await expect(ask(byId, { kind: 'file', path: bad, format: 'ndjson' })).rejects.toMatchObject({
      code: 'BAD_VALUE',
      at: `${bad}:2`,
    })
    await expect(ask(byId, { kind: 'file', path: join(bench.dir, 'none'), format: 'ndjson' })).rejects.toMatchObject({
      code: 'SOURCE_UNREADABLE',
    })
  })

  test('CSV: used columns by their types, all others verbatim', async () => {
    const path = await inFile(
      'spine.csv',
      'event_timestamp,id,n,t\n2020-01-01T00:00:00Z,1,007,""\n2020-01-01 01:00:00+01:00,,1.50,\n',
    )
    const { types, columns } = await ask(byId, { kind: 'file', path, format: 'csv' })
    expect(types).toEqual({ event_timestamp: 'timestamp', id: 'int64', n: 'string', t: 'string', delay: 'int32' })
    expect(columns).toEqual({
      event_timestamp: [T0, T0],
      id: [1n, null],
      n: ['007', '1.50'],
      t: ['', null],
      delay: [5, null],
    })
    const bad = await inFile('bad.csv', 'event_timestamp,id\n2020-01-01,x\n')
    await expect(ask(byId, { kind: 'file', path: bad, format: 'csv' })).rejects.toMatchObject({
      code: 'BAD_VALUE',
      message: expect.stringMatching(/line 2.*"x"/) as string,
    })
  })

  test('Parquet: types of all kinds come back; instants that are used as instants', async () => {
    const path = join(bench.dir, 'spine.parquet')
    await bench.sql(
      `COPY (SELECT 1::INTEGER AS id, '1969-12-31 23:59:59.999999999'::TIMESTAMP_NS AS ns, DATE '2020-01-01' AS event_timestamp, DATE '2020-01-02' AS d, 1::TINYINT AS small, 18446744073709551615::UBIGINT AS huge, 1.50::DECIMAL(5,2) AS money, {'a': 1} AS st, TIMESTAMPTZ '2020-01-01 00:00:00+01' AS tz, [1::USMALLINT] AS l, 'x' AS s) TO '${path}'`,
    )
    const { types, columns } = await ask(byId, { kind: 'file', path, format: 'parquet' })
    expect(types).toEqual({
      id: 'int32',
      ns: { foreign: 'TIMESTAMP_NS' },
      event_timestamp: 'timestamp',
      d: { foreign: 'DATE' },
      small: 'int32',
      huge: { foreign: 'UBIGINT' },
      money: { foreign: 'DECIMAL(5,2)' },
      st: { foreign: 'STRUCT(a INTEGER)' },
      tz: 'timestamp',
      l: 'list<int32>',
      s: 'string',
      delay: 'int32',
    })
    expect(columns).toEqual({
      id: [1],
      ns: ['1969-12-31 23:59:59.999999999'],
      event_timestamp: [T0],
      d: ['2020-01-02'],
      small: [1],
      huge: ['18446744073709551615'],
      money: ['1.50'],
      st: ["{'a': 1}"],
      tz: [T0 - 3_600_000_000n],
      l: [[1]],
      s: ['x'],
      delay: [5],
    })
  })

  test('names that SQL could take for others, in every format', async () => {
    const path = join(bench.dir, 'names.parquet')
    await bench.sql(
      `COPY (SELECT 1 AS c1, 2 AS c0, 3 AS "row", 4 AS u0, 5 AS f, 1::BIGINT AS id, TIMESTAMP '2020-01-01' AS event_timestamp, 6 AS u1, 7 AS k0, 8 AS "key", 9 AS file_row_number, 10 AS filename) TO '${path}'`,
    )
    const expected = {
      c1: 1,
      c0: 2,
      row: 3,
      u0: 4,
      f: 5,
      id: 1,
      u1: 6,
      k0: 7,
      key: 8,
      file_row_number: 9,
      filename: 10,
      delay: 5,
    }
    const got = (await ask(byId, { kind: 'file', path, format: 'parquet' })).columns
    expect(Object.fromEntries(Object.keys(expected).map((name) => [name, Number(got[name]?.[0])]))).toEqual(expected)
    const { delay: _, ...spine } = expected
    const csv = await inFile(
      'names.csv',
      `event_timestamp,${Object.keys(spine).join()}\n2020-01-01,${Object.values(spine).join()}\n`,
    )
    const text = (await ask(byId, { kind: 'file', path: csv, format: 'csv' })).columns
    expect(Object.fromEntries(Object.keys(expected).map((name) => [name, Number(text[name]?.[0])]))).toEqual(expected)
  })

  test('Parquet out: the spine in its own types and order, features as they are', async () => {
    const path = join(bench.dir, 'wide.parquet')
    await bench.sql(
      `COPY (SELECT (3000 - range)::UBIGINT AS n, '2020-01-01 00:00:00.000000001'::TIMESTAMP_NS AS event_timestamp, (range % 3)::SMALLINT AS id, 1.50::DECIMAL(5,2) AS "M ""x""", {'a': [1]} AS st FROM range(3000)) TO '${path}' (ROW_GROUP_SIZE 1000)`,
    )
    await using result = await bench.offline.query({
      plan: byId,
      inputs: new Map([['spine', { kind: 'file', path, format: 'parquet' }]]),
    })
    expect(await result.writeParquet(join(bench.dir, 'out.parquet'))).toBe(3000)
    expect(
      await bench.sql(`SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM '{dir}/out.parquet')`),
    ).toEqual([
      ['n', 'UBIGINT'],
      ['event_timestamp', 'TIMESTAMP_NS'],
      ['id', 'SMALLINT'],
      ['M "x"', 'DECIMAL(5,2)'],
      ['st', 'STRUCT(a INTEGER[])'],
      ['delay', 'INTEGER'],
    ])
    expect(
      await bench.sql(
        `SELECT count(*) FROM (SELECT *, row_number() OVER () AS i FROM '{dir}/out.parquet') WHERE n = 3001 - i AND delay IS NOT DISTINCT FROM [NULL, 5, 6][id + 1] AND event_timestamp = '2020-01-01 00:00:00.000000001'::TIMESTAMP_NS`,
      ),
    ).toEqual([['3000']])
  })

  test('key types: integers of any width, no text for an int, no float', async () => {
    const spine = async (type: string, value: string): Promise<SpineInput> => {
      const path = join(bench.dir, 'key.parquet')
      await bench.sql(
        `COPY (SELECT CAST(${value} AS ${type}) AS id, TIMESTAMP '2020-01-01' AS event_timestamp) TO '${path}'`,
      )
      return { kind: 'file', path, format: 'parquet' }
    }
    for (const type of ['TINYINT', 'UINTEGER', 'UBIGINT'])
      expect((await ask(byId, await spine(type, '2'))).columns['delay']).toEqual([6])
    expect((await ask(byId, await spine('UBIGINT', '18446744073709551615'))).columns['delay']).toEqual([null])
    await expect(ask(byId, await spine('VARCHAR', "'1'"))).rejects.toMatchObject({
      code: 'TYPE_MISMATCH',
      message: expect.stringMatching(/"id".*string.*int64/) as string,
    })
    await expect(ask(byId, await spine('DOUBLE', '1'))).rejects.toMatchObject({
      code: 'TYPE_MISMATCH',
      message: expect.stringMatching(/float64.*int64/) as string,
    })
  })
})

describe('other spines', () => {
  test('SQL over the sources, in its own order', async () => {
    const sql = `SELECT id, airport, "at" + INTERVAL 1 HOUR AS event_timestamp FROM flights ORDER BY id DESC`
    const { types, columns } = await ask(byAirport, { kind: 'sql', sql, inputs: [{ source: flights }] })
    expect(types).toEqual({ id: 'int64', airport: 'string', event_timestamp: 'timestamp', delay: 'int32' })
    expect(columns['delay']).toEqual([7, 6, 5])
  })

  test('an input alone gives all its columns', async () => {
    const spine: SpineInput = { kind: 'rows', rows: [{ b: 1, a: 'x' }] }
    expect(
      await columnsOf(
        await bench.offline.query({
          plan: { kind: 'input', name: 'spine', uses: [] },
          inputs: new Map([['spine', spine]]),
        }),
      ),
    ).toEqual({ b: [1n], a: ['x'] })
    expect(
      await columnsOf(
        await bench.offline.query({
          plan: { kind: 'count', input: { kind: 'input', name: 'spine', uses: [] } },
          inputs: new Map([['spine', spine]]),
        }),
      ),
    ).toEqual({ rows: [1n] })
  })

  test('several joins, one of them under other keys', async () => {
    const uses = [
      { name: 'from', type: 'string' },
      { name: 'to', type: 'string' },
      { name: 'event_timestamp', type: 'timestamp' },
    ] as const
    const both = plan(uses, 'event_timestamp', [
      join1('airport', 'string', 'from', 'origin__delay'),
      join1('airport', 'string', 'to', 'destination__delay'),
    ])
    const rows = [
      { from: 'A', to: 'B', event_timestamp: '2020-01-01' },
      { from: 'B', to: null, event_timestamp: '2020-01-01' },
      { from: 'C', to: 'A', event_timestamp: '2019-01-01' },
    ]
    expect((await ask(both, { kind: 'rows', rows })).columns).toMatchObject({
      origin__delay: [5, 6, null],
      destination__delay: [6, null, null],
    })
  })
})
