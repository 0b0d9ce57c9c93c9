import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { SpineInput } from '../../src/ports/offline.ts'
import type { DuckdbBench } from '../support/duckdb-bench.ts'
import { T0, ask, byId, openFlights } from '../support/flights-bench.ts'

let bench: DuckdbBench
beforeAll(async () => {
  bench = await openFlights()
})
afterAll(async () => {
  await bench[Symbol.asyncDispose]()
})

const inFile = async (name: string, text: string): Promise<string> => {
  await writeFile(join(bench.dir, name), text)
  return join(bench.dir, name)
}

describe('a spine in a file', () => {
  test('NDJSON: every digit, types found over all lines, places of faults', async () => {
    const path = await inFile(
      'spine.ndjson',
      '{"id":9223372036854775807,"event_timestamp":"2020-01-01T00:00:00.0000019Z","n":1}\n\n{"n":1e2,"id":1,"event_timestamp":"2020-01-01","more":"x"}\n',
    )
    const { types, columns } = await ask(bench, byId, { kind: 'file', path, format: 'ndjson' })
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
    await expect(ask(bench, byId, { kind: 'file', path: bad, format: 'ndjson' })).rejects.toMatchObject({
      code: 'BAD_VALUE',
      at: `${bad}:2`,
    })
    await expect(
      ask(bench, byId, { kind: 'file', path: join(bench.dir, 'none'), format: 'ndjson' }),
    ).rejects.toMatchObject({
      code: 'SOURCE_UNREADABLE',
    })
  })

  test('CSV: used columns by their types, all others verbatim', async () => {
    const path = await inFile(
      'spine.csv',
      'event_timestamp,id,n,t\n2020-01-01T00:00:00Z,1,007,""\n2020-01-01 01:00:00+01:00,,1.50,\n',
    )
    const { types, columns } = await ask(bench, byId, { kind: 'file', path, format: 'csv' })
    expect(types).toEqual({ event_timestamp: 'timestamp', id: 'int64', n: 'string', t: 'string', delay: 'int32' })
    expect(columns).toEqual({
      event_timestamp: [T0, T0],
      id: [1n, null],
      n: ['007', '1.50'],
      t: ['', null],
      delay: [5, null],
    })
    const bad = await inFile('bad.csv', 'event_timestamp,id\n2020-01-01,x\n')
    await expect(ask(bench, byId, { kind: 'file', path: bad, format: 'csv' })).rejects.toMatchObject({
      code: 'BAD_VALUE',
      message: expect.stringMatching(/line 2.*"x"/) as string,
    })
  })

  test('Parquet: types of all kinds come back; instants that are used as instants', async () => {
    const path = join(bench.dir, 'spine.parquet')
    await bench.sql(
      `COPY (SELECT 1::INTEGER AS id, '1969-12-31 23:59:59.999999999'::TIMESTAMP_NS AS ns, DATE '2020-01-01' AS event_timestamp, DATE '2020-01-02' AS d, 1::TINYINT AS small, 18446744073709551615::UBIGINT AS huge, 1.50::DECIMAL(5,2) AS money, {'a': 1} AS st, TIMESTAMPTZ '2020-01-01 00:00:00+01' AS tz, [1::USMALLINT] AS l, 'x' AS s) TO '${path}'`,
    )
    const { types, columns } = await ask(bench, byId, { kind: 'file', path, format: 'parquet' })
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
    const got = (await ask(bench, byId, { kind: 'file', path, format: 'parquet' })).columns
    expect(Object.fromEntries(Object.keys(expected).map((name) => [name, Number(got[name]?.[0])]))).toEqual(expected)
    const { delay: _, ...spine } = expected
    const csv = await inFile(
      'names.csv',
      `event_timestamp,${Object.keys(spine).join()}\n2020-01-01,${Object.values(spine).join()}\n`,
    )
    const text = (await ask(bench, byId, { kind: 'file', path: csv, format: 'csv' })).columns
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

  test('Parquet out: −0 keeps its sign', async () => {
    const path = join(bench.dir, 'zeros.parquet')
    const rows = [0, -0, 1].map((x, i) => ({
      id: 1,
      event_timestamp: '2020-01-01',
      x: i === 2 ? 0.5 : x,
      l: [x, null],
    }))
    const copies = Array.from({ length: 100 }, () => rows).flat()
    await using result = await bench.offline.query({
      plan: byId,
      inputs: new Map([['spine', { kind: 'rows', rows: copies }]]),
    })
    await result.writeParquet(path)
    expect(await bench.sql(`SELECT count_if(signbit(x)), count_if(signbit(l[1])) FROM '${path}'`)).toEqual([
      ['100', '100'],
    ])
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
      expect((await ask(bench, byId, await spine(type, '2'))).columns['delay']).toEqual([6])
    expect((await ask(bench, byId, await spine('UBIGINT', '18446744073709551615'))).columns['delay']).toEqual([null])
    await expect(ask(bench, byId, await spine('VARCHAR', "'1'"))).rejects.toMatchObject({
      code: 'TYPE_MISMATCH',
      message: expect.stringMatching(/"id".*string.*int64/) as string,
    })
    await expect(ask(bench, byId, await spine('DOUBLE', '1'))).rejects.toMatchObject({
      code: 'TYPE_MISMATCH',
      message: expect.stringMatching(/float64.*int64/) as string,
    })
  })
})
