import { mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FileSourceDef, SourceDef } from '../../src/define/definition.ts'
import type { Predicate, Relation } from '../../src/query/relation.ts'
import { type DuckdbBench, columnsOf, csv, openBench, parquet, rows } from '../support/duckdb-bench.ts'

let bench: DuckdbBench
beforeEach(async () => {
  bench = await openBench()
})
afterEach(async () => {
  await bench[Symbol.asyncDispose]()
})

const read = async (plan: Relation): Promise<Record<string, unknown[]>> =>
  columnsOf(await bench.offline.query({ plan }))
const describeOne = async (source: SourceDef) =>
  (await bench.offline.describe([source], new Map([[source.name, source]])))[0]

describe('what a source is', () => {
  test('types of Parquet columns, as widenings know them', async () => {
    await bench.sql(
      `COPY (SELECT true b, 1::TINYINT i8, 1::SMALLINT i16, 1::INTEGER i32, 1::BIGINT i64, 1::UTINYINT u8, 1::USMALLINT u16, 1::UINTEGER u32, 1::UBIGINT u64, 1::FLOAT f32, 1::DOUBLE f64, 'x' s, 'x'::BLOB y, DATE '2020-01-01' d, TIMESTAMP '2020-01-01' t, '2020-01-01'::TIMESTAMP_NS ns, '2020-01-01'::TIMESTAMPTZ tz, 1::DECIMAL(18,0) AS dec, 1::DECIMAL(19,0) wide, [1] l, [1.5::FLOAT] v, {'a': 1} st, [[1]] ll, TIME '10:00' ti) TO '{dir}/f.parquet'`,
    )
    const facts = await describeOne(parquet('f.parquet'))
    expect(facts?.columns.map((c) => `${c.name} ${c.type}`)).toEqual([
      'b bool',
      'i8 int8',
      'i16 int16',
      'i32 int32',
      'i64 int64',
      'u8 uint8',
      'u16 uint16',
      'u32 uint32',
      'u64 UBIGINT',
      'f32 float32',
      'f64 float64',
      's string',
      'y bytes',
      'd date',
      't timestamp',
      'ns timestamp',
      'tz timestamp',
      'dec decimal18_0',
      'wide DECIMAL(19,0)',
      'l list<int32>',
      'v list<float32>',
      'st STRUCT(a INTEGER)',
      'll INTEGER[][]',
      'ti TIME',
    ])
    expect(facts?.rows).toBe(1)
    const s = await stat(join(bench.dir, 'f.parquet'), { bigint: true })
    expect(facts?.files).toEqual([
      { path: join(bench.dir, 'f.parquet'), sizeBytes: Number(s.size), mtimeUs: s.mtimeNs / 1000n, inode: s.ino },
    ])
  })

  test('folders that are named as partitions are no columns, and whoever asks for one is told so', async () => {
    await mkdir(join(bench.dir, 'lake/year=2024/month=01'), { recursive: true })
    await bench.sql(`COPY (SELECT 1 AS a, 9 AS month) TO '{dir}/lake/year=2024/month=01/f.parquet'`)
    const facts = await describeOne(parquet('lake'))
    expect(facts?.columns.map((c) => c.name)).toEqual(['a', 'month'])
    expect(await read(rows(parquet('lake'), { a: 'int32', month: 'int32' }))).toEqual({ a: [1], month: [9] })
    await expect(read(rows(parquet('lake'), { year: 'int32' }))).rejects.toMatchObject({
      code: 'MISSING_COLUMN',
      remedy: 'Folders such as year=2024 are no columns: write the column into the files too.',
    })
  })

  test('a folder, a glob and a single file; what is beneath it, sorted by path', async () => {
    await mkdir(join(bench.dir, 'data/b'), { recursive: true })
    for (const name of ['b/2', 'a', 'c']) await bench.sql(`COPY (SELECT 1 AS x) TO '{dir}/data/${name}.parquet'`)
    await writeFile(join(bench.dir, 'data/.a.parquet'), 'half')
    await writeFile(join(bench.dir, 'data/readme.txt'), '')
    const names = async (source: FileSourceDef): Promise<string[]> =>
      ((await describeOne(source))?.files ?? []).map((f) => f.path.slice(bench.dir.length + 1))
    expect(await names(parquet('data'))).toEqual(['data/a.parquet', 'data/b/2.parquet', 'data/c.parquet'])
    expect(await names(parquet('data/*.parquet'))).toEqual(['data/a.parquet', 'data/c.parquet'])
    expect(await names(parquet('data/**/[ab2].parquet'))).toEqual(['data/a.parquet', 'data/b/2.parquet'])
    expect(await names(parquet(join(bench.dir, 'data/c.parquet')))).toEqual(['data/c.parquet'])
    expect(await describeOne(parquet('data/*.parquets'))).toEqual({ columns: [], files: [], rows: 0 })
    expect(await read(rows(parquet('data/*.parquets'), { x: 'int32' }))).toEqual({ x: [] })
    await expect(describeOne(parquet('data/d.parquet'))).rejects.toMatchObject({
      code: 'SOURCE_UNREADABLE',
      message: expect.stringContaining('data/d.parquet') as string,
    })
  })

  test('columns of several files together; CSV has text cells; a push source has its schema', async () => {
    await bench.sql(`COPY (SELECT 1::BIGINT AS x, 2 AS y) TO '{dir}/f1.parquet'`)
    await bench.sql(`COPY (SELECT 3 AS z, 1::BIGINT AS x) TO '{dir}/f2.parquet'`)
    expect((await describeOne(parquet('f*.parquet')))?.columns).toEqual([
      { name: 'x', type: 'int64' },
      { name: 'y', type: 'int32' },
      { name: 'z', type: 'int32' },
    ])
    expect(await read(rows(parquet('f*.parquet'), { z: 'int32', x: 'int64', y: 'int64' }))).toEqual({
      z: [null, 3],
      x: [1n, 1n],
      y: [2n, null],
    })
    await writeFile(join(bench.dir, 't.csv'), '\u{feff}id,"a ""b"""\r\n1,2\r\n')
    expect(await describeOne(csv('t.csv'))).toMatchObject({
      columns: [
        { name: 'id', type: 'csv' },
        { name: 'a "b"', type: 'csv' },
      ],
      rows: null,
    })
    const taps: SourceDef = {
      kind: 'source',
      name: 'taps',
      type: 'push',
      schema: [{ name: 'id', type: 'int64' }],
      timestamp: 'at',
    }
    expect(await describeOne(taps)).toEqual({
      columns: [
        { name: 'id', type: 'int64' },
        { name: 'at', type: 'timestamp' },
        { name: 'created', type: 'timestamp' },
      ],
      files: [],
      rows: null,
    })
    await expect(
      describeOne({ kind: 'source', name: 'orders', type: 'postgres', table: 'orders', timestamp: 'at' }),
    ).rejects.toMatchObject({ code: 'UNSUPPORTED', message: expect.stringContaining('orders') as string })
  })

  test('the columns of a sql source and the files of its inputs', async () => {
    await bench.sql(`COPY (SELECT 'A' AS airport, 5 AS delay, TIMESTAMP '2020-01-01' AS at) TO '{dir}/f.parquet'`)
    const flights = parquet('f.parquet')
    const hourly: SourceDef = {
      kind: 'source',
      name: 'hourly',
      type: 'sql',
      sql: 'SELECT airport, avg(delay) AS mean, max("at") AS at FROM flights GROUP BY airport;',
      timestamp: 'at',
    }
    const daily: SourceDef = {
      kind: 'source',
      name: 'daily',
      type: 'sql',
      sql: 'FROM hourly SELECT *, 1::INT AS one',
      timestamp: 'at',
    }
    const all = new Map<string, SourceDef>([flights, hourly, daily].map((s) => [s.name, s]))
    const [facts] = await bench.offline.describe([daily], all)
    expect(facts?.columns).toEqual([
      { name: 'airport', type: 'string' },
      { name: 'mean', type: 'float64' },
      { name: 'at', type: 'timestamp' },
      { name: 'one', type: 'int32' },
    ])
    expect(facts?.files.map((f) => f.path)).toEqual([join(bench.dir, 'f.parquet')])
    await expect(
      bench.offline.describe([{ ...hourly, sql: 'SELECT nothing FROM flights' }], all),
    ).rejects.toMatchObject({ code: 'SQL_REFUSED', message: expect.stringContaining('nothing') as string })
  })
})

describe('reading columns as their types', () => {
  test('every widening, exactly', async () => {
    await bench.sql(
      `COPY (SELECT (-128)::TINYINT i8, 65535::USMALLINT u16, 4294967295::UINTEGER u32, 0.1::FLOAT f32, DATE '1969-12-31' d, 999999999999999999::DECIMAL(18,0) AS dec, [1::TINYINT, NULL] l, 255::UTINYINT u8) TO '{dir}/f.parquet'`,
    )
    const take = {
      i8: 'int64',
      u16: 'float64',
      u32: 'int64',
      f32: 'float64',
      d: 'timestamp',
      dec: 'int64',
      l: 'list<int64>',
      u8: 'int32',
    } as const
    expect(await read(rows(parquet('f.parquet'), take))).toEqual({
      i8: [-128n],
      u16: [65535],
      u32: [4294967295n],
      f32: [Math.fround(0.1)],
      d: [-86_400_000_000n],
      dec: [999999999999999999n],
      l: [[1n, null]],
      u8: [255],
    })
  })

  test.each([
    ['u32', 'int32'],
    ['f64', 'float32'],
    ['i64', 'float64'],
    ['s', 'int64'],
    ['t', 'int64'],
    ['dec', 'int64'],
    ['l', 'list<int32>'],
  ] as const)('%s is not read as %s', async (column, type) => {
    await bench.sql(
      `COPY (SELECT 1::UINTEGER u32, 1::DOUBLE f64, 1::BIGINT i64, '1' s, TIMESTAMP '2020-01-01' t, 1.5::DECIMAL(18,1) AS dec, [1::BIGINT] l) TO '{dir}/f.parquet'`,
    )
    await expect(read(rows(parquet('f.parquet'), { [column]: type }))).rejects.toMatchObject({
      code: 'TYPE_MISMATCH',
      message: expect.stringMatching(new RegExp(`"${column}".*f\\.parquet.*declared ${type}`)) as string,
    })
  })

  test('a column that is not there is named with the nearest one', async () => {
    await bench.sql(`COPY (SELECT 1 AS "Delay") TO '{dir}/f.parquet'`)
    await expect(read(rows(parquet('f.parquet'), { delay: 'int32' }))).rejects.toMatchObject({
      code: 'MISSING_COLUMN',
      remedy: expect.stringContaining('"Delay"') as string,
    })
  })

  test('instants: nanoseconds are floored, zones converted, infinities and far years are null', async () => {
    await bench.sql(`COPY (SELECT * FROM (VALUES
      ('1969-12-31 23:59:59.999999999'::TIMESTAMP_NS, TIMESTAMPTZ '1960-01-01 12:00:00.000001+02', TIMESTAMP '1901-01-01 00:00:00.000001', ['1969-12-31 23:59:59.999999001'::TIMESTAMP_NS]),
      ('1677-09-22 00:00:00.000000001'::TIMESTAMP_NS, TIMESTAMPTZ 'infinity', TIMESTAMP '-infinity', []),
      ('infinity'::TIMESTAMP_NS, TIMESTAMPTZ '0001-01-01 00:00:00+00', TIMESTAMP '10000-01-01', NULL)) t(ns, tz, t, l)) TO '{dir}/f.parquet'`)
    expect(
      await read(
        rows(parquet('f.parquet'), { ns: 'timestamp', tz: 'timestamp', t: 'timestamp', l: 'list<timestamp>' }),
      ),
    ).toEqual({
      ns: [-1n, -9_223_286_400_000_000n, null],
      tz: [-315_583_199_999_999n, null, -62_135_596_800_000_000n],
      t: [-2_177_452_799_999_999n, null, null],
      l: [[-1n], [], null],
    })
  })

  test('vectors have their length and no nulls', async () => {
    await bench.sql(`COPY (SELECT * FROM (VALUES (1, [1.5::FLOAT, 'nan']), (2, NULL)) t(n, v)) TO '{dir}/f.parquet'`)
    expect(await read(rows(parquet('f.parquet'), { v: 'vector<2>' }))).toEqual({ v: [[1.5, Number.NaN], null] })
    await expect(read(rows(parquet('f.parquet'), { v: 'vector<3>' }))).rejects.toMatchObject({
      code: 'BAD_VALUE',
      message: expect.stringMatching(/"v".*vector<3>/) as string,
    })
  })

  test('floats, bytes, text and integers keep every bit', async () => {
    await bench.sql(`COPY (SELECT * FROM (VALUES
      (9223372036854775807, (-9223372036854775808)::BIGINT, 'nan'::DOUBLE, '\\x00\\xFF'::BLOB, '\u{feff}é𝄞' || repeat('x', 20)),
      (NULL, 0, '-infinity'::DOUBLE, ''::BLOB, '')) t(a, b, f, y, s)) TO '{dir}/f.parquet'`)
    expect(
      await read(rows(parquet('f.parquet'), { a: 'int64', b: 'int64', f: 'float64', y: 'bytes', s: 'string' })),
    ).toEqual({
      a: [9223372036854775807n, null],
      b: [-9223372036854775808n, 0n],
      f: [Number.NaN, -Infinity],
      y: [Uint8Array.of(0, 255), new Uint8Array()],
      s: [`\u{feff}é𝄞${'x'.repeat(20)}`, ''],
    })
  })

  test('files of one source may differ in types, as long as each widens', async () => {
    await bench.sql(`COPY (SELECT 1::INTEGER AS x, TIMESTAMP '2020-01-01' AS t) TO '{dir}/f1.parquet'`)
    await bench.sql(
      `COPY (SELECT 9007199254740993::BIGINT AS x, '2020-01-01 00:00:00.000000999'::TIMESTAMP_NS AS t) TO '{dir}/f2.parquet'`,
    )
    expect(await read(rows(parquet('f*.parquet'), { x: 'int64', t: 'timestamp' }))).toEqual({
      x: [1n, 9007199254740993n],
      t: [1_577_836_800_000_000n, 1_577_836_800_000_000n],
    })
    await bench.sql(`COPY (SELECT 'x' AS x) TO '{dir}/f3.parquet'`)
    await expect(read(rows(parquet('f*.parquet'), { x: 'int64' }))).rejects.toMatchObject({
      code: 'TYPE_MISMATCH',
      message: expect.stringContaining('f3.parquet') as string,
    })
  })

  test.each(['TIMESTAMP', 'TIMESTAMP_NS', 'TIMESTAMPTZ'])(
    'a limit on instants holds to the microsecond for %s',
    async (type) => {
      await bench.sql(
        `COPY (SELECT CAST(t AS ${type}) AS t FROM (VALUES ('1969-12-31 23:59:59.999998'), ('1969-12-31 23:59:59.999999'), ('1970-01-01 00:00:00')) v(t)) TO '{dir}/f.parquet'`,
      )
      const where = (op: '<' | '<=' | '>' | '>=' | '=', value: bigint): Predicate => ({
        op,
        column: 't',
        type: 'timestamp',
        value,
      })
      const found = async (p: Predicate): Promise<unknown> =>
        (await read({ kind: 'filter', input: rows(parquet('f.parquet'), { t: 'timestamp' }), where: p }))['t']
      expect(await found(where('<', -1n))).toEqual([-2n])
      expect(await found(where('<=', -1n))).toEqual([-2n, -1n])
      expect(await found(where('>', -1n))).toEqual([0n])
      expect(await found(where('>=', -1n))).toEqual([-1n, 0n])
      expect(await found(where('=', -1n))).toEqual([-1n])
      expect(
        await found({ op: 'or', all: [where('<', -1n), { op: 'and', all: [where('>', -1n), where('<', 5n)] }] }),
      ).toEqual([-2n, 0n])
    },
  )
})

describe('columns under other names', () => {
  test('two columns that change places; a sort by what is not selected under its name', async () => {
    await bench.sql(`COPY (SELECT * FROM (VALUES (1, 5), (2, 4), (3, 6)) t(a, c0)) TO '{dir}/f.parquet'`)
    const swapped: Relation = {
      ...rows(parquet('f.parquet'), {}),
      take: [
        { column: 'c0', as: 'a', type: 'int32' },
        { column: 'a', as: 'c0', type: 'int32' },
      ],
    }
    expect(await read(swapped)).toEqual({ a: [5, 4, 6], c0: [1, 2, 3] })
    const back: Relation = {
      kind: 'derive',
      input: { kind: 'sort', input: swapped, by: ['a'] },
      columns: [
        { as: 'c0', column: 'a' },
        { as: 'a', column: 'c0' },
      ],
    }
    expect(await read(back)).toEqual({ c0: [4, 5, 6], a: [2, 1, 3] })
    expect(
      await read({
        kind: 'derive',
        input: { kind: 'sort', input: swapped, by: ['c0'] },
        columns: [{ as: 'x', column: 'a' }],
      }),
    ).toEqual({ x: [5, 4, 6] })
  })
})
