import assert from 'node:assert/strict'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Spine, Table } from '../contract/store.ts'
import type { Law } from './law.ts'
import { type StoreHarness, type StoreUnderTest, openThings, refusal, second, thingColumns } from './store-bench.ts'

/** More than any buffer on the way holds. */
const manyRows = 100_000

/** Enough for many batches. */
const someRows = 20_000

/** Rows of one push. */
const pushRows = 10_000

/** A store with many pushed rows of one entity each, and values that no double holds. */
async function openMany(harness: StoreHarness, count: number): Promise<StoreUnderTest> {
  const t = await openThings(harness, [])
  for (let from = 0; from < count; from += pushRows) {
    const rows = Array.from({ length: pushRows }, (_, i) => ({
      k: from + i,
      at: second + BigInt(from + i),
      seen: second,
      v: 2n ** 53n + BigInt(from + i),
    }))
    await t.store.push('view', rows, { to: 'offline' })
  }
  return t
}

const all = (t: StoreUnderTest): Promise<Table> => t.store.events('view', { start: 0n, end: t.clock.now() })

async function inFolder(act: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'provender-kit-'))
  try {
    await act(dir)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

const streamLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'a table of 100,000 rows is read batch by batch, every row once, in order, every digit kept',
    async run(harness) {
      await using t = await openMany(harness, manyRows)
      await using table = await all(t)
      assert.deepEqual(
        table.fields.map(({ name, type }) => [name, type]),
        [
          ['k', 'int64'],
          ['event_timestamp', 'timestamp'],
          ['created_timestamp', 'timestamp'],
          ['v', 'int64'],
        ],
      )
      let next = 0n
      let batches = 0
      for await (const { columns, rows } of table.batches()) {
        batches++
        for (let i = 0; i < rows; i++, next++) {
          const row = columns.map((column) => column[i])
          if (row[0] !== next || row[1] !== second + next || row[2] !== second || row[3] !== 2n ** 53n + next)
            assert.deepEqual(row, [next, second + next, second, 2n ** 53n + next])
        }
      }
      assert.equal(next, BigInt(manyRows))
      assert.ok(batches > 10, `${batches} batches`)
    },
  },
  {
    law: 'a table is read once; one that is let go early, twice too, leaves the store as it was',
    async run(harness) {
      await using t = await openMany(harness, someRows)
      const table = await all(t)
      for await (const { rows } of table.batches()) {
        assert.ok(rows > 0)
        break
      }
      await table[Symbol.asyncDispose]()
      await table[Symbol.asyncDispose]()
      await assert.rejects(async () => table.rows(), { code: 'BAD_REQUEST' })
      const unread = await all(t)
      await unread[Symbol.asyncDispose]()
      assert.equal((await (await all(t)).columns({ int64: 'bigint' }))['k']?.length, someRows)
    },
  },
  {
    law: 'an abort in the midst of a table ends it',
    async run(harness) {
      await using t = await openMany(harness, someRows)
      const abort = new AbortController()
      const { signal } = abort
      await using table = await t.store.events('view', { start: 0n, end: t.clock.now(), signal })
      let rows = 0
      const reading = async (): Promise<void> => {
        for await (const batch of table.batches()) {
          rows += batch.rows
          abort.abort()
        }
      }
      await assert.rejects(reading(), { code: 'INTERRUPTED' })
      assert.ok(rows < someRows)
    },
  },
]

const exactnessLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'instants are Dates, exact on request; an int64 is a number where one holds it, a bigint on request',
    async run(harness) {
      const at = 1_700_000_000_123_456n
      await using t = await openThings(harness, [{ k: 1, at, v: 5 }])
      const read = async (): Promise<Table> => t.store.events('view', { start: 0n, end: t.clock.now() })
      const times = { event_timestamp: at, created_timestamp: at }
      const dates = { event_timestamp: new Date(1_700_000_000_123), created_timestamp: new Date(1_700_000_000_123) }
      assert.deepEqual(await (await read()).rows(), [{ k: 1, ...dates, v: 5 }])
      assert.deepEqual(await (await read()).rows({ int64: 'bigint', instants: 'micros' }), [{ k: 1n, ...times, v: 5n }])
      await t.put('things', 'large', { columns: thingColumns, rows: [[2n, at, at, -(2n ** 63n), null]] })
      await assert.rejects(async () => (await read()).rows(), refusal('BAD_VALUE', '-9223372036854775808'))
      assert.deepEqual((await (await read()).columns({ int64: 'bigint' }))['v'], [5n, -(2n ** 63n)])
    },
  },
  {
    law: 'columns of a spine pass through as they are: integers of any size, NaN, −0, microseconds, texts, nulls',
    async run(harness) {
      await using t = await openThings(harness, [{ k: 1, at: 0n, v: 1 }])
      const columns = {
        k: [1n, 1n, null],
        at: [new Date(1000), new Date(2000), new Date(3000)],
        large: [2n ** 53n + 1n, -(2n ** 63n), null],
        float: [Number.NaN, -0, Infinity],
        when: [new Date(-1), new Date(253_402_300_799_999), null],
        text: ['', '5', null],
        whether: [true, null, false],
      }
      const names = Object.keys(columns)
      const rows = [0, 1, 2].map((i) => Object.fromEntries(names.map((name) => [name, columns[name as 'k'][i]])))
      const spines: Spine[] = [rows, { rows }, { columns }]
      for (const spine of spines) {
        const table = await t.store.historical('view', spine, { timestamp: 'at' })
        const types = Object.fromEntries(table.fields.map(({ name, type }) => [name, type]))
        assert.deepEqual(types, {
          k: 'int64',
          at: 'timestamp',
          large: 'int64',
          float: 'float64',
          when: 'timestamp',
          text: 'string',
          whether: 'bool',
          v: 'int64',
        })
        assert.deepEqual(await table.columns({ int64: 'bigint' }), { ...columns, v: [1n, 1n, null] })
      }
    },
  },
  {
    law: 'an error names the place of the value, wherever that was given',
    async run(harness) {
      await using t = await openThings(harness, [{ k: 1, at: 0n, v: 1 }])
      const at = t.clock.now()
      const places: Readonly<Record<string, () => Promise<unknown>>> = {
        '/entities/1/k': () => t.store.online('view', [{ k: 1 }, { k: 'one' }]),
        '/entities/0/k': () => t.store.online('view', [{ k: new Date(Number(at / 1000n)) }]),
        '/rows/0/k': () => t.store.push('view', [{ k: 1.5, at, v: 1 }]),
        '/rows/0/v': () => t.store.push('view', [{ k: 1, at, v: new Uint8Array([1]) }]),
        '/rows/0/at': () => t.store.push('view', [{ k: 1, at: Number(at), v: 1 }]),
        '/k': () => t.store.delete('view', { k: '1' }),
        '/at': () => t.store.delete('view', { k: 1 }, { at: 'never' }),
        '/start': () => t.store.events('view', { start: 'never', end: at }),
        '/asOf': () => t.store.snapshot('view', { at, asOf: new Date(Number.NaN) }),
        '/since': () => t.store.materialize('view', { since: 'long' }),
      }
      for (const [place, call] of Object.entries(places))
        await assert.rejects(call(), (thrown: unknown) => {
          assert.deepEqual([(thrown as { code: string }).code, (thrown as { at: string }).at], ['BAD_VALUE', place])
          return true
        })
    },
  },
]

const fileLaws: readonly Law<StoreHarness>[] = [
  {
    law: 'a table is written whole, as CSV, as NDJSON, and as Parquet where the engine writes it, and the rows are counted',
    async run(harness) {
      await using t = await openThings(harness, [
        { k: 1, at: 1n, v: 5 },
        { k: 2, at: second, v: null },
      ])
      const times = ['1970-01-01T00:00:00.000001Z', '1970-01-01T00:00:01Z']
      await inFolder(async (dir) => {
        const path = (name: string): string => join(dir, name)
        assert.equal(await (await all(t)).toCsv(path('rows.csv')), 2)
        assert.equal(
          await readFile(path('rows.csv'), 'utf8'),
          `k,event_timestamp,created_timestamp,v\r\n1,${times[0]},${times[0]},5\r\n2,${times[1]},${times[1]},\r\n`,
        )
        assert.equal(await (await all(t)).toNdjson(path('rows.jsonl')), 2)
        const lines = (await readFile(path('rows.jsonl'), 'utf8')).trimEnd().split('\n')
        assert.deepEqual(
          lines.map((line) => JSON.parse(line) as unknown),
          [
            { k: 1, event_timestamp: times[0], created_timestamp: times[0], v: 5 },
            { k: 2, event_timestamp: times[1], created_timestamp: times[1], v: null },
          ],
        )
        const parquet = (await all(t)).toParquet(path('rows.parquet'))
        if (t.can.parquet) assert.equal(await parquet, 2)
        else await assert.rejects(parquet, { code: 'UNSUPPORTED' })
        const written = ['rows.csv', 'rows.jsonl', ...(t.can.parquet ? ['rows.parquet'] : [])]
        assert.deepEqual((await readdir(dir)).toSorted(), written)
      })
    },
  },
  {
    law: 'a spine may be a file, of any format that the engine reads; a bad line of it is named',
    async run(harness) {
      await using t = await openThings(harness, [{ k: 1, at: 0n, v: 5 }])
      await inFolder(async (dir) => {
        const path = (name: string): string => join(dir, name)
        await writeFile(path('spine.csv'), 'k,label,event_timestamp\r\n1,007,1970-01-02\r\n2,,1970-01-02\r\n')
        await writeFile(path('spine.jsonl'), '{"k":1,"event_timestamp":"1970-01-02"}\n')
        await writeFile(path('bad.csv'), 'k,event_timestamp\r\none,1970-01-02\r\n')
        const read = async (spine: Spine): Promise<unknown> => (await t.store.historical('view', spine)).rows()
        if (!t.can.parquet) {
          await assert.rejects(read({ ndjson: path('spine.jsonl') }), { code: 'UNSUPPORTED' })
          return
        }
        const event_timestamp = new Date(86_400_000)
        const joined = [
          { k: 1, label: '007', event_timestamp: '1970-01-02T00:00:00Z', v: 5 },
          { k: 2, label: null, event_timestamp: '1970-01-02T00:00:00Z', v: null },
        ].map((row) => ({ ...row, event_timestamp }))
        assert.deepEqual(await read({ csv: path('spine.csv') }), joined)
        assert.deepEqual(await read({ ndjson: path('spine.jsonl') }), [{ k: 1, event_timestamp, v: 5 }])
        assert.equal(
          await (await t.store.historical('view', { csv: path('spine.csv') })).toParquet(path('x.parquet')),
          2,
        )
        const again = await t.store.historical('view@again', { parquet: path('x.parquet') })
        assert.deepEqual((await again.columns())['again__v'], [5, null])
        await assert.rejects(read({ csv: path('bad.csv') }), refusal('BAD_VALUE', path('bad.csv'), 'line 2'))
        await assert.rejects(read({ csv: path('missing.csv') }), refusal('SOURCE_UNREADABLE', path('missing.csv')))
      })
    },
  },
]

/** Tables of history as they are read: in batches, exact, into files, from files, and given up. */
export const storeTableLaws: readonly Law<StoreHarness>[] = [...streamLaws, ...exactnessLaws, ...fileLaws]
