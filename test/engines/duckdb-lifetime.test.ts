import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FileSourceDef, SqlSourceDef } from '../../src/define/definition.ts'
import { type AsOf, type Relation, own } from '../../src/query/relation.ts'
import { type DuckdbBench, columnsOf, openBench } from '../support/duckdb-bench.ts'

let bench: DuckdbBench
beforeEach(async () => {
  bench = await openBench({ memoryBytes: 400_000_000, threads: 2 })
})
afterEach(async () => {
  await bench[Symbol.asyncDispose]()
})

const big: FileSourceDef = { kind: 'source', name: 'big', type: 'parquet', path: 'big.parquet', timestamp: 'at' }
const makeBig = (rows: number): Promise<unknown> =>
  bench.sql(
    `COPY (SELECT range % 1000 AS id, range AS x, 'text ' || range AS s, make_timestamp(range) AS "at" FROM range(${rows})) TO '{dir}/big.parquet'`,
  )
const take = [
  { column: 'id', as: 'id', type: 'int64' },
  { column: 'x', as: 'x', type: 'int64' },
  { column: 's', as: 's', type: 'string' },
  { column: 'at', as: own.event, type: 'timestamp' },
] as const
const rows: Relation = { kind: 'source', source: big, take }

/** Takes minutes: every row against every other. */
const endless = (): { plan: Relation } => {
  const source: SqlSourceDef = {
    kind: 'source',
    name: 'slow',
    type: 'sql',
    sql: 'SELECT sum(a.range * b.range)::BIGINT AS x FROM range(1000000) a, range(1000000) b',
    timestamp: 'at',
  }
  return { plan: { kind: 'sql', source, take: [{ column: 'x', as: 'x', type: 'int64' }], inputs: [] } }
}

const temp = async (): Promise<string[]> => readdir(join(bench.dir, 'offline/temp'))

describe('rows are streamed', () => {
  test('a million rows in bounded memory, in order', async () => {
    await makeBig(1_000_000)
    await using result = await bench.offline.query({ plan: rows })
    const before = process.memoryUsage.rss()
    let next = 0n
    let peak = 0
    for await (const batch of result.batches()) {
      for (let i = 0; i < batch.rows; i++)
        if (batch.columns[1]?.[i] !== next++) throw new Error(`row ${next} is out of order`)
      peak = Math.max(peak, process.memoryUsage.rss() - before)
    }
    expect(next).toBe(1_000_000n)
    // All rows at once are about 300 MB.
    expect(peak).toBeLessThan(150_000_000)
  })

  test('a watched query tells how much of it is done, with user SQL too; one that is not watched tells nothing', async () => {
    await makeBig(1_000_000)
    const latest: Relation = { kind: 'latest', input: rows, by: ['s'], order: [own.event] }
    const source: SqlSourceDef = {
      kind: 'source',
      name: 'small',
      type: 'sql',
      sql: 'SELECT max(s) AS s, max(id) AS id, max("at") AS "at" FROM big GROUP BY x',
      timestamp: 'at',
    }
    const sql: Relation = {
      kind: 'sql',
      source,
      take: [{ column: 's', as: 's', type: 'string' }],
      inputs: [{ source: big }],
    }
    for (const [plan, watched] of [
      [latest, true],
      [sql, true],
      [latest, false],
    ] as const) {
      let progress = (): number | null => null
      const told: (number | null)[] = []
      const timer = setInterval(() => told.push(progress()), 5)
      await using result = await bench.offline.query({
        plan,
        ...(watched ? { watch: (told) => (progress = told) } : {}),
      })
      for await (const batch of result.batches()) if (batch.rows === 0) throw new Error('a batch has rows')
      clearInterval(timer)
      const known = told.filter((share) => share !== null)
      if (watched) expect(new Set(known).size).toBeGreaterThan(3)
      else expect(known).toEqual([])
      expect(known.every((share, i) => share >= (known[i - 1] ?? 0) && share <= 1)).toBe(true)
      expect(progress()).toBe(null)
    }
  })

  test('a join of a large spine keeps its order', async () => {
    await makeBig(200_000)
    const join1 = {
      right: {
        kind: 'derive',
        input: rows,
        columns: [
          ...take.map((t) => ({ as: t.as, column: t.as })),
          { as: own.created, type: 'timestamp', constant: null },
        ],
      } as const,
      on: [{ left: 'k', right: 'id' }],
      ttlUs: 0n,
      knownByLeft: false,
      order: [own.event, own.created],
      outputs: [{ column: 'x', as: 'x' }],
    }
    const plan: AsOf = {
      kind: 'asOf',
      left: {
        kind: 'input',
        name: 'spine',
        uses: [
          { name: 'k', type: 'int64' },
          { name: 't', type: 'timestamp' },
        ],
      },
      at: 't',
      joins: [join1, { ...join1, outputs: [{ column: 's', as: 's' }] }],
    }
    await bench.sql(
      `COPY (SELECT (range * 7919) % 1000 AS k, make_timestamp(100000 + (range * 31) % 100000) AS t, range AS n FROM range(250000)) TO '{dir}/spine.parquet'`,
    )
    const spine = { kind: 'file', path: join(bench.dir, 'spine.parquet'), format: 'parquet' } as const
    const got = await columnsOf(await bench.offline.query({ plan, inputs: new Map([['spine', spine]]) }))
    for (let i = 0; i < 250_000; i++) {
      const t = 100_000 + ((i * 31) % 100_000)
      const k = (i * 7919) % 1000
      const x = t - ((((t - k) % 1000) + 1000) % 1000)
      if (got['n']?.[i] !== BigInt(i) || got['x']?.[i] !== BigInt(x) || got['s']?.[i] !== `text ${x}`)
        expect({ i, n: got['n']?.[i], x: got['x']?.[i], s: got['s']?.[i] }).toEqual({
          i,
          n: BigInt(i),
          x: BigInt(x),
          s: `text ${x}`,
        })
    }
  })

  test('what is not read to its end is given up; a result is read once', async () => {
    await makeBig(100_000)
    const result = await bench.offline.query({ plan: rows })
    for await (const batch of result.batches()) {
      expect(batch.rows).toBeGreaterThan(0)
      break
    }
    expect(() => result.batches()).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    await result[Symbol.asyncDispose]()
    await result[Symbol.asyncDispose]()
    const unread = await bench.offline.query(endless())
    await unread[Symbol.asyncDispose]()
    expect(await temp()).toHaveLength(0)
  })

  test('several queries at once', async () => {
    await makeBig(50_000)
    const sums = await Promise.all(
      Array.from({ length: 6 }, async () => (await columnsOf(await bench.offline.query({ plan: rows })))['x']?.length),
    )
    expect(sums).toEqual(Array.from({ length: 6 }, () => 50_000))
  })
})

describe('a query ends', () => {
  const begun = async (call: { signal?: AbortSignal; deadlineAtMs?: number }): Promise<unknown> =>
    columnsOf(await bench.offline.query(endless(), call))

  test('when its signal is aborted, with the signal’s reason', async () => {
    const controller = new AbortController()
    const reading = begun({ signal: controller.signal })
    setTimeout(() => controller.abort(), 100)
    await expect(reading).rejects.toMatchObject({ code: 'INTERRUPTED' })
    expect(await temp()).toHaveLength(0)
  })

  test('at its deadline', async () => {
    const start = performance.now()
    await expect(begun({ deadlineAtMs: Date.now() + 150 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    expect(performance.now() - start).toBeLessThan(3000)
  })

  test('when it is disposed, and when the store is', async () => {
    const result = await bench.offline.query(endless())
    const reading = columnsOf({ ...result, [Symbol.asyncDispose]: () => Promise.resolve() })
    setTimeout(() => void result[Symbol.asyncDispose](), 100)
    await expect(reading).rejects.toMatchObject({ code: 'CLOSED' })
    const other = begun({})
    setTimeout(() => void bench.offline[Symbol.asyncDispose](), 100)
    await expect(other).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(begun({})).rejects.toMatchObject({ code: 'CLOSED' })
    expect(await temp()).toHaveLength(0)
  })
})

describe('Parquet is written whole or not at all', () => {
  test('a failed or ended write leaves what was there', async () => {
    await bench.sql(`COPY (SELECT 'x' AS x, 1 AS y FROM range(300000)) TO '{dir}/big.parquet'`)
    const before = await stat(join(bench.dir, 'big.parquet'))
    const source: SqlSourceDef = {
      kind: 'source',
      name: 'fails',
      type: 'sql',
      sql: "SELECT CASE WHEN range = 299999 THEN error('late') ELSE range END::BIGINT AS x FROM range(300000)",
      timestamp: 'at',
    }
    const failing = await bench.offline.query({
      plan: { kind: 'sql', source, take: [{ column: 'x', as: 'x', type: 'int64' }], inputs: [] },
    })
    await expect(failing.writeParquet(join(bench.dir, 'big.parquet'))).rejects.toMatchObject({ code: 'SQL_REFUSED' })
    const controller = new AbortController()
    const ended = await bench.offline.query(endless(), { signal: controller.signal })
    setTimeout(() => controller.abort(), 50)
    await expect(ended.writeParquet(join(bench.dir, 'big.parquet'))).rejects.toMatchObject({ code: 'INTERRUPTED' })
    expect((await stat(join(bench.dir, 'big.parquet'))).mtimeMs).toBe(before.mtimeMs)
    expect((await readdir(bench.dir)).sort()).toEqual(['big.parquet', 'offline'])
  })

  test('a folder that is not there is told', async () => {
    await makeBig(10)
    const result = await bench.offline.query({ plan: rows })
    await expect(result.writeParquet(join(bench.dir, 'none/out.parquet'))).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringContaining('none/out.parquet') as string,
    })
  })
})
