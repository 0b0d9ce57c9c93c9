import { appendFile, copyFile, open, rename, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FileSourceDef, SourceDef } from '../../src/define/definition.ts'
import type { Relation } from '../../src/query/relation.ts'
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

describe('files that are not what they were', () => {
  const listed = async (source: FileSourceDef) => (await describeOne(source))?.files ?? []

  test('a named file that was changed, replaced or removed is refused', async () => {
    await bench.sql(`COPY (SELECT 1 AS x) TO '{dir}/f.parquet'`)
    const path = join(bench.dir, 'f.parquet')
    const files = await listed(parquet('f.parquet'))
    expect(await read(rows(parquet('f.parquet'), { x: 'int32' }, { files }))).toEqual({ x: [1] })
    await copyFile(path, join(bench.dir, 'copy'))
    await rename(join(bench.dir, 'copy'), path)
    await expect(read(rows(parquet('f.parquet'), { x: 'int32' }, { files }))).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
      message: expect.stringContaining(path) as string,
    })
    const again = await listed(parquet('f.parquet'))
    await utimes(path, 1, 1)
    await expect(read(rows(parquet('f.parquet'), { x: 'int32' }, { files: again }))).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
    })
    await rename(path, join(bench.dir, 'gone'))
    await expect(read(rows(parquet('f.parquet'), { x: 'int32' }, { files: again }))).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
    })
  })

  test('a named file of an input of SQL is one of them; files of other inputs are left to those', async () => {
    await bench.sql(`COPY (SELECT 1 AS x) TO '{dir}/f.parquet'`)
    await bench.sql(`COPY (SELECT 2 AS x) TO '{dir}/other.parquet'`)
    const files = await listed(parquet('*.parquet'))
    const inputs = [{ source: parquet('f.parquet'), files }]
    const sql: SourceDef = { kind: 'source', name: 'q', type: 'sql', sql: 'SELECT x FROM flights', timestamp: 'at' }
    const plan: Relation = { kind: 'sql', source: sql, take: [{ column: 'x', as: 'x', type: 'int32' }], inputs }
    expect(await read(plan)).toEqual({ x: [1] })
    await utimes(join(bench.dir, 'other.parquet'), 1, 1)
    expect(await read(plan)).toEqual({ x: [1] })
    await utimes(join(bench.dir, 'f.parquet'), 1, 1)
    await expect(read(plan)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
  })

  test('a change while the rows are read is noticed at the end', async () => {
    await bench.sql(`COPY (SELECT range AS x FROM range(100000)) TO '{dir}/f.parquet'`)
    const files = await listed(parquet('f.parquet'))
    const result = await bench.offline.query({ plan: rows(parquet('f.parquet'), { x: 'int64' }, { files }) })
    const reading = (async () => {
      for await (const batch of result.batches())
        if (batch.columns[0]?.[0] === 0n) await utimes(join(bench.dir, 'f.parquet'), 1, 1)
    })()
    await expect(reading).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
  })

  test('a file cut short, one that is no Parquet and one with a damaged page are named', async () => {
    await bench.sql(`COPY (SELECT md5(range::VARCHAR) AS x FROM range(100000)) TO '{dir}/good.parquet'`)
    await bench.sql(`COPY (SELECT md5(range::VARCHAR) AS x FROM range(100000)) TO '{dir}/f.parquet'`)
    await writeFile(join(bench.dir, 'text.parquet'), 'this is no parquet file')
    await expect(read(rows(parquet('*.parquet'), { x: 'string' }))).rejects.toMatchObject({
      code: 'SOURCE_UNREADABLE',
      message: expect.stringContaining('text.parquet') as string,
    })
    await truncate(join(bench.dir, 'f.parquet'), 1000)
    await expect(describeOne(parquet('f.parquet'))).rejects.toMatchObject({
      code: 'SOURCE_UNREADABLE',
      message: expect.stringContaining('f.parquet') as string,
    })
    const { size } = await stat(join(bench.dir, 'good.parquet'))
    const file = await open(join(bench.dir, 'good.parquet'), 'r+')
    await file.write(Buffer.alloc(5000, 0x5a), 0, 5000, Math.floor(size / 2))
    await file.close()
    await expect(read(rows(parquet('good.parquet'), { x: 'string' }))).rejects.toMatchObject({
      code: 'SOURCE_UNREADABLE',
      message: expect.stringContaining('good.parquet') as string,
    })
  })

  test('rows appended to a CSV file are seen by the next query', async () => {
    await writeFile(join(bench.dir, 't.csv'), 'x\n1\n')
    expect(await read(rows(csv('t.csv'), { x: 'int64' }))).toEqual({ x: [1n] })
    await appendFile(join(bench.dir, 't.csv'), '2\n')
    expect(await read(rows(csv('t.csv'), { x: 'int64' }))).toEqual({ x: [1n, 2n] })
  })
})
