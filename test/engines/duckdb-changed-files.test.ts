import { appendFile, copyFile, open, rename, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FileSourceDef, SourceDef } from '../../src/define/definition.ts'
import { type Relation, own } from '../../src/query/relation.ts'
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

/** The value `v` of each `k`, as of `at`. */
const statePlan: Relation = {
  kind: 'asOf',
  left: {
    kind: 'input',
    name: 'spine',
    uses: [
      { name: 'k', type: 'int64' },
      { name: 'at', type: 'timestamp' },
    ],
  },
  at: 'at',
  joins: [
    {
      right: {
        kind: 'derive',
        input: {
          kind: 'source',
          source: parquet('f.parquet'),
          take: [
            { column: 'k', as: 'k', type: 'int64' },
            { column: 'v', as: 'v', type: 'int32' },
            { column: 'at', as: own.event, type: 'timestamp' },
          ],
        },
        columns: [
          { as: 'k', column: 'k' },
          { as: 'v', column: 'v' },
          { as: own.event, column: own.event },
          { as: own.created, type: 'timestamp', constant: null },
        ],
      },
      on: [{ left: 'k', right: 'k' }],
      ttlUs: 0n,
      knownByLeft: false,
      order: [own.event, own.created, 'v'],
      outputs: [{ column: 'v', as: 'v' }],
    },
  ],
}

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

  // The join looks at the file twice: for the winners' places, then for their values.
  test('a training set is of one state of a file that is replaced all the while', async () => {
    const copies = 300
    const state = (v: number): string =>
      `COPY (SELECT i AS k, TIMESTAMP '2026-01-01' + to_seconds(${v}) AS at, ${v} AS v FROM range(${copies}) AS r(i)) TO '{dir}/state${v}.parquet'`
    for (const v of [0, 1]) await bench.sql(state(v))
    const put = async (v: number): Promise<void> => {
      await copyFile(join(bench.dir, `state${v}.parquet`), join(bench.dir, 'aside'))
      await rename(join(bench.dir, 'aside'), join(bench.dir, 'f.parquet'))
    }
    await put(0)
    let done = false
    const replacing = (async () => {
      for (let v = 1; !done; v = 1 - v) {
        await put(v)
        await sleep(7)
      }
    })()
    const spine = { kind: 'rows' as const, rows: Array.from({ length: copies }, (_, k) => ({ k, at: '2026-01-02' })) }
    const read = async (): Promise<string> => {
      const result = await bench.offline.query({ plan: statePlan, inputs: new Map([['spine', spine]]) })
      const values = new Set((await columnsOf(result))['v'])
      return [...values].join(', ')
    }
    for (let i = 0; i < 40; i++)
      expect(['0', '1', 'SOURCE_CHANGED']).toContain(await read().catch((thrown: { code: string }) => thrown.code))
    done = true
    await replacing
    expect(['0', '1']).toContain(await read())
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
