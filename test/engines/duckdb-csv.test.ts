import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cellOf, csvLine, parseCell } from '../../src/codecs/csv.ts'
import type { FileSourceDef } from '../../src/define/definition.ts'
import { batchOf } from '../../src/engines/duckdb/chunk-columns.ts'
import { quote } from '../../src/engines/duckdb/dialect.ts'
import { cellAs } from '../../src/engines/duckdb/text-cell.ts'
import type { FeatureType } from '../../src/values/feature-type.ts'
import { type Value, sameValue } from '../../src/values/value.ts'
import { anyNullable, anyType } from '../support/arbitrary-value.ts'
import { type DuckdbBench, columnsOf, openBench } from '../support/duckdb-bench.ts'

// Cells of every type at the edges of what they may be; the codec's own rules are the oracle.
const cells: Readonly<Record<string, readonly string[]>> = {
  bool: ['true', 'false', 'True', '1', '', ' true', 'null'],
  int32: [
    '5',
    '-0',
    '007',
    '5.0',
    '1e3',
    '2147483647',
    '2147483648',
    '5.5',
    '0x10',
    ' 5',
    '1_000',
    '1e25',
    '-2147483648',
    '1E+2',
    '.5',
    '5.',
    '+5',
    '',
  ],
  int64: [
    '9223372036854775807',
    '9223372036854775808',
    '-9223372036854775808',
    '9007199254740993.0',
    '1e18',
    '1e19',
    '123456789012345678901',
    '9.007199254740993e15',
  ],
  float64: [
    '1.5',
    '-0',
    'NaN',
    'nan',
    'Infinity',
    '-Infinity',
    'inf',
    '1e400',
    '1e308',
    '5e-324',
    '007',
    '1.',
    '.5',
    '0.1',
    '123456789012345678901234567890',
    '-0.0',
    '+1',
    '"NaN"',
  ],
  float32: [
    '1.5',
    'NaN',
    '1e39',
    '3.4028235e38',
    '3.4028236e38',
    '1e-50',
    '0.1',
    '16777217',
    'Infinity',
    '1e400',
    '-0',
  ],
  string: ['', 'abc', 'é', ' ', 'null', 'NULL', '\\N', '"', 'a,b\r\n'],
  bytes: ['', 'YQ==', 'YQ', 'YWI=', 'YW J', 'YQ=', 'YR==', '****', 'YQ==\n'],
  timestamp: [
    '2026-01-01T10:00:00Z',
    '2026-01-01',
    '2026-1-1',
    '2026-01-01 10:00',
    '2026-01-01t10:00:00.1234567z',
    '2026-01-01T10:00:00,5+05:30',
    '2026-01-01T10:00:00-0530',
    '2026-01-01T10:00:00+05',
    '2026-02-30',
    '2024-02-29',
    '2026-01-01T24:00:00Z',
    '2026-01-01T23:59:60Z',
    '0000-01-01',
    '0001-01-01',
    '0001-01-01T00:00:00+01:00',
    '9999-12-31T23:59:59.9999999Z',
    '9999-12-31T23:59:59-01:00',
    '1960-06-01T12:00:00.0000019',
    'infinity',
    'now',
    '2026-01-01T10:00:00 +01:00',
    '2026-01-01T10:00:00.Z',
    '2026-01-01T10:00Z',
    '2026-01-01T10',
    '1969-12-31T23:59:59.999999999Z',
    '2026-01-01T10:00:00+24:00',
    '2026-01-01T10:00:00 UTC',
    '1767225600',
    ' 2026-01-01',
  ],
  'list<int64>': [
    '[]',
    '[ ]',
    '[1,null,3]',
    '[1,]',
    '[1 ,2]',
    '1',
    'null',
    '[[1]]',
    '[1.0]',
    '["1"]',
    '[1.5]',
    '[9223372036854775807]',
    '[9223372036854775808]',
    ' [1]',
    '[1]x',
    '[1',
  ],
  'list<float64>': ['[-0,1.5,"NaN","Infinity",null]', '["1.5"]', '[NaN]', '[1e400]', '[]', '[ "NaN" , -1e-7 ]'],
  'list<bool>': ['[true,false,null]', '["true"]', '[1]'],
  'list<string>': [
    '["a","b,c",null,"]"]',
    '["a",]',
    '["a,]"]',
    '[1]',
    '[]',
    '["\\u00e9\\n\\"x\\""]',
    '["a"] ',
    '[null]',
    "['a']",
    '["a" "b"]',
    '[["a"]]',
    '["a"]x',
    '[//x\n"a"]',
  ],
  'list<timestamp>': ['["2026-01-01",null]', '["x"]', '[5]'],
  'list<bytes>': ['["YQ==",""]', '["YQ"]'],
  'vector<2>': ['[1,2]', '[1]', '[1,null]', '[1,2,3]', '["NaN",0.1]', '[1e39,1]', '[]'],
}

const bad = Object.freeze({ refused: true })
type Read = Value | null | typeof bad

const isBad = (read: Read): read is typeof bad => read === bad

function expected(type: FeatureType, cell: string | null): Read {
  try {
    return parseCell(type, cell, 'here')
  } catch {
    return bad
  }
}

let db: DuckDBInstance
let bench: DuckdbBench
beforeAll(async () => {
  db = await DuckDBInstance.create(':memory:')
  bench = await openBench()
})
afterAll(async () => {
  db.closeSync()
  await bench[Symbol.asyncDispose]()
})

async function readInSql(type: FeatureType, cell: string | null): Promise<Read> {
  const connection = await db.connect()
  try {
    const text = cell === null ? 'CAST(NULL AS VARCHAR)' : quote(cell)
    const result = await connection.stream(
      `SELECT ${cellAs('cell', type, { source: 's', column: 'c' })} AS v FROM (SELECT ${text} AS cell FROM range(2))`,
    )
    const chunk = await result.fetchChunk()
    return chunk === null
      ? bad
      : ((batchOf(chunk, [{ name: 'v', type }], [{ vector: 0 }]).columns[0]?.[1] ?? null) as Value | null)
  } catch (thrown) {
    expect(String(thrown)).toContain('provender-bad-cell')
    return bad
  } finally {
    connection.closeSync()
  }
}

function agree(type: FeatureType, a: Read, b: Read): boolean {
  return isBad(a) || isBad(b) ? a === b : sameValue(type, a, b)
}

const tickets = (path: string): FileSourceDef => ({
  kind: 'source',
  name: 'tickets',
  type: 'csv',
  path,
  timestamp: 'at',
})
const file = async (name: string, text: string | Uint8Array): Promise<FileSourceDef> => {
  await writeFile(join(bench.dir, name), text)
  return tickets(name)
}
const read = async (
  source: FileSourceDef,
  take: Readonly<Record<string, FeatureType>>,
): Promise<Record<string, unknown[]>> =>
  columnsOf(
    await bench.offline.query({
      plan: {
        kind: 'source',
        source,
        take: Object.entries(take).map(([column, type]) => ({ column, as: column, type })),
      },
    }),
  )

describe('cells in SQL are read by the rules of the codec', () => {
  test.each(Object.entries(cells))('%s', async (type, texts) => {
    const declared = type as FeatureType
    for (const cell of [...texts, null]) {
      const [got, want] = [await readInSql(declared, cell), expected(declared, cell)]
      expect({ cell, same: agree(declared, got, want), got, want }).toMatchObject({ same: true })
    }
  })

  test('what the codec writes is read back, through a file', async () => {
    let n = 0
    await fc.assert(
      fc.asyncProperty(
        anyType.chain((type) =>
          fc.array(anyNullable(type), { minLength: 1, maxLength: 6 }).map((values) => ({ type, values })),
        ),
        async ({ type, values }) => {
          const lines = ['n,v\r\n', ...values.map((v, i) => csvLine([String(i), cellOf(type, v)]))]
          const got = await read(await file(`round${n++}.csv`, lines.join('')), { v: type })
          for (const [i, value] of values.entries())
            expect({ type, i, same: sameValue(type, (got['v']?.[i] ?? null) as Value | null, value) }).toMatchObject({
              same: true,
            })
        },
      ),
      { numRuns: 50 },
    )
  })
})

describe('CSV files', () => {
  test('nothing between the commas is null, quotes hold everything', async () => {
    const source = await file('quotes.csv', '\u{feff}id,"s""x",n\r\n1,"",\r\n2,,""\r\n3,"a,""b""\r\nc", \r\n')
    await expect(read(source, { id: 'int64', 's"x': 'string', n: 'string' })).resolves.toEqual({
      id: [1n, 2n, 3n],
      's"x': ['', null, 'a,"b"\r\nc'],
      n: [null, '', ' '],
    })
  })

  test('an empty line is a null where there is one column; a file with a header only has no rows', async () => {
    await expect(read(await file('one.csv', 'x\n1\n\n2\n'), { x: 'int64' })).resolves.toEqual({ x: [1n, null, 2n] })
    await expect(read(await file('none.csv', 'x,y\n'), { x: 'int64' })).resolves.toEqual({ x: [] })
  })

  test('files with other columns, in another order, are one source', async () => {
    await file('many1.csv', 'a,b\n1,2\n')
    await file('many2.csv', 'b,a,c\n3,4,5\n')
    await expect(read(tickets('many*.csv'), { a: 'int64', b: 'int64', c: 'int64' })).resolves.toEqual({
      a: [1n, 4n],
      b: [2n, 3n],
      c: [null, 5n],
    })
  })

  test('names that differ only in case are two columns', async () => {
    await expect(read(await file('case.csv', 'a,A\n1,2\n'), { A: 'int64' })).resolves.toEqual({ A: [2n] })
  })

  test('a bad cell is named with file, line, column and value', async () => {
    const source = await file('bad.csv', 'a,b\n1,"x\ny"\n2,z\n3.5,z\n')
    await expect(read(source, { b: 'string' })).resolves.toEqual({ b: ['x\ny', 'z', 'z'] })
    await expect(read(source, { a: 'int64' })).rejects.toMatchObject({
      code: 'BAD_VALUE',
      at: 'bad.csv:5',
      message: expect.stringMatching(/bad\.csv, line 5, column "a": 3\.5 is not/) as string,
    })
  })

  test.each([
    ['too few cells', 'a,b\n1\n'],
    ['too many cells', 'a,b\n1,2,3\n'],
    ['a quote that is not closed', 'a,b\n1,"x\n'],
    ['text behind a quote', 'a,b\n1,"x"y\n'],
    ['what is no UTF-8', Buffer.concat([Buffer.from('a,b\n1,'), Buffer.from([0xff, 0xfe]), Buffer.from('\n')])],
    ['two columns of one name', 'a,a\n1,2\n'],
  ])('%s is refused with the file', async (_, text) => {
    const source = await file('broken.csv', text)
    await expect(read(source, { a: 'int64', b: 'string' })).rejects.toMatchObject({
      code: 'SOURCE_UNREADABLE',
      message: expect.stringContaining('broken.csv') as string,
    })
  })

  test('a long cell', async () => {
    const long = 'x'.repeat(1024 * 1024)
    const got = await read(await file('long.csv', `a,b\n1,${long}\n`), { b: 'string' })
    expect(got['b']?.[0] === long).toBe(true)
    await expect(read(await file('longer.csv', `a,b\n1,${long}x\n`), { b: 'string' })).rejects.toMatchObject({
      code: 'BAD_VALUE',
    })
  })
})
