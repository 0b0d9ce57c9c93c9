import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FileSourceDef, SourceDef, SqlSourceDef } from '../../src/define/definition.ts'
import { closeInstance, lockInstance, openInstance } from '../../src/engines/duckdb/instance.ts'
import type { LogRecord } from '../../src/ports/push-log.ts'
import type { SqlInput, SqlRows } from '../../src/query/relation.ts'
import { type DuckdbBench, columnsOf, openBench } from '../support/duckdb-bench.ts'

let bench: DuckdbBench
beforeAll(async () => {
  bench = await openBench()
  await bench.sql(
    `COPY (SELECT * FROM (VALUES ('A', 5::BIGINT, TIMESTAMP '2020-01-01'), ('B', 7, TIMESTAMP '2020-01-02')) t(airport, delay, "at")) TO '{dir}/flights.parquet'`,
  )
  await bench.sql(`COPY (SELECT 42 AS secret) TO '{dir}/secret.parquet'`)
  await writeFile(join(bench.dir, 'tickets.csv'), 'airport,price,sold_at\nA,1.50,2020-01-01T00:00:00Z\n')
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
const tickets: FileSourceDef = {
  kind: 'source',
  name: 'tickets',
  type: 'csv',
  path: 'tickets.csv',
  timestamp: 'sold_at',
}
const sql = (text: string): SqlSourceDef => ({
  kind: 'source',
  name: 'derived',
  type: 'sql',
  sql: text,
  timestamp: 'at',
})
const leaf = (text: string, take: SqlRows['take'], inputs: readonly SqlInput[] = [{ source: flights }]): SqlRows => ({
  kind: 'sql',
  source: sql(text),
  take,
  inputs,
})
const x = [{ column: 'x', as: 'x', type: 'int64' }] as const
const run = async (text: string, inputs?: readonly SqlInput[]): Promise<unknown[] | undefined> =>
  (await columnsOf(await bench.offline.query({ plan: leaf(text, x, inputs) })))['x']
const asSpine = async (text: string): Promise<unknown> =>
  columnsOf(
    await bench.offline.query({
      plan: { kind: 'input', name: 'spine', uses: [] },
      inputs: new Map([['spine', { kind: 'sql', sql: text, inputs: [{ source: flights }] }]]),
    }),
  )

describe('SQL that is allowed', () => {
  test.each([
    ['SELECT sum(delay)::BIGINT AS x FROM flights', [12n]],
    ['select count(*) as x from FLIGHTS;', [2n]],
    [' ; SELECT 1::BIGINT AS x -- ; DROP TABLE flights', [1n]],
    ["SELECT length(';--/*')::BIGINT AS x /* ; */ ;\n", [5n]],
    ['SELECT length($$;$$ || $a$;$a$)::BIGINT AS x', [2n]],
    ['FROM flights SELECT delay AS x ORDER BY x DESC', [7n, 5n]],
    ['WITH f AS (SELECT * FROM flights), g AS (SELECT delay AS x FROM f) SELECT x FROM g ORDER BY x', [5n, 7n]],
    ['WITH flights AS (SELECT delay + 1 AS x FROM flights) SELECT x FROM flights ORDER BY x', [6n, 8n]],
    [
      'WITH RECURSIVE t AS (SELECT 1::BIGINT AS x UNION ALL SELECT x + 1 FROM t WHERE x < 3) SELECT x FROM t ORDER BY x',
      [1n, 2n, 3n],
    ],
    ['SELECT range AS x FROM range(3)', [0n, 1n, 2n]],
    ['SELECT unnest([1::BIGINT, 2]) AS x', [1n, 2n]],
    ['VALUES (1::BIGINT)', undefined],
    [
      'SELECT a.delay AS x FROM flights a JOIN flights b USING (airport) WHERE EXISTS (SELECT 1 FROM flights c WHERE c.delay > 6) ORDER BY x',
      [5n, 7n],
    ],
    ['SELECT x FROM (SELECT delay AS x FROM flights QUALIFY row_number() OVER (ORDER BY delay DESC) = 1)', [7n]],
    ["SELECT A AS x FROM (PIVOT (SELECT airport, delay FROM flights) ON airport IN ('A', 'B') USING max(delay))", [5n]],
  ])('%s', async (text, expected) => {
    if (expected === undefined) await expect(run(text)).rejects.toMatchObject({ code: 'MISSING_COLUMN' })
    else expect(await run(text)).toEqual(expected)
  })

  test('CSV inputs are text, but for their instants; an input may be SQL itself and sees its own inputs only', async () => {
    expect(
      await run(
        `SELECT (price::DOUBLE * 100)::BIGINT + year(sold_at) AS x FROM tickets WHERE typeof(price) = 'VARCHAR'`,
        [{ source: tickets }],
      ),
    ).toEqual([2170n])
    const inner: SourceDef = { ...sql('SELECT airport, delay * 2 AS delay FROM flights'), name: 'doubled' }
    const inputs = [{ source: inner, inputs: [{ source: flights }] }]
    expect(await run('SELECT max(delay)::BIGINT AS x FROM doubled', inputs)).toEqual([14n])
    await expect(run('SELECT max(delay)::BIGINT AS x FROM flights', inputs)).rejects.toMatchObject({
      code: 'SQL_REFUSED',
    })
  })

  test('rows pushed to a source are rows of it; to SQL over it as well', async () => {
    await bench.log.append([
      {
        target: { kind: 'source', name: 'flights' },
        to: 'both',
        columns: [
          { name: 'airport', type: 'string' },
          { name: 'delay', type: 'int32' },
        ],
        rows: [{ event: 1_577_836_800_000_000n, created: 1n, tie: 1n, values: ['C', 100] }],
        deadLetters: [],
        replayed: [],
      },
      {
        target: { kind: 'source', name: 'flights' },
        to: 'online',
        columns: [{ name: 'delay', type: 'int32' }],
        rows: [{ event: 0n, created: 1n, tie: 1n, values: [1000] }],
        deadLetters: [],
        replayed: [],
      },
    ])
    expect(await run('SELECT sum(delay)::BIGINT AS x FROM flights')).toEqual([112n])
    expect(await run('SELECT count(*) AS x FROM flights WHERE "at" = TIMESTAMP \'2020-01-01\'')).toEqual([2n])
    expect(await run('SELECT sum(delay)::BIGINT AS x FROM flights', [{ source: flights, before: 0n }])).toEqual([12n])
  })

  test('pushed rows have the types that SQL knows of the source', async () => {
    await bench.sql(
      `COPY (SELECT 1::TINYINT AS small, DATE '2020-01-01' AS day, 1::DECIMAL(5,0) AS dec, 'A' AS airport, TIMESTAMP '2020-01-01' AS "at") TO '{dir}/odd.parquet'`,
    )
    const odd: FileSourceDef = { ...flights, name: 'odd', path: 'odd.parquet' }
    const taps: SourceDef = {
      kind: 'source',
      name: 'taps',
      type: 'push',
      schema: [{ name: 'amount', type: 'float64' }],
      timestamp: 'tapped_at',
    }
    const empty: SourceDef = { ...taps, name: 'empty' }
    const row = (values: readonly (string | number | bigint | null)[]) => ({
      event: 86_400_000_000n,
      created: 5n,
      tie: 1n,
      values,
    })
    const record = (name: string, columns: LogRecord['columns'], rows: LogRecord['rows']): LogRecord => ({
      target: { kind: 'source', name },
      to: 'both',
      columns,
      rows,
      deadLetters: [],
      replayed: [],
    })
    await bench.log.append([
      record(
        'odd',
        [
          { name: 'small', type: 'int32' },
          { name: 'day', type: 'timestamp' },
          { name: 'dec', type: 'int64' },
        ],
        [row([1000, 86_400_000_001n, 12n])],
      ),
      record(
        'tickets',
        [
          { name: 'airport', type: 'string' },
          { name: 'price', type: 'float32' },
        ],
        [row(['B', 2.25])],
      ),
      record('tickets', [{ name: 'price', type: 'int64' }], [row([7n])]),
      record('taps', [{ name: 'amount', type: 'float64' }], [row([0.5])]),
    ])
    const one = [{ source: odd }, { source: tickets }, { source: taps }, { source: empty }]
    expect(await run('SELECT sum(small)::BIGINT + max(dec)::BIGINT AS x FROM odd', one)).toEqual([1013n])
    expect(
      await run(
        `SELECT epoch_us(max(day)::TIMESTAMP) AS x FROM odd WHERE typeof(day) = 'DATE' AND day < DATE '2000-01-01'`,
        one,
      ),
    ).toEqual([86_400_000_000n])
    expect(
      await run(`SELECT (sum(price::DOUBLE) * 100)::BIGINT AS x FROM tickets WHERE typeof(price) = 'VARCHAR'`, one),
    ).toEqual([1075n])
    expect(
      await run(
        "SELECT epoch_us(created) + (amount * 2)::BIGINT AS x FROM taps WHERE tapped_at = TIMESTAMP '1970-01-02'",
        one,
      ),
    ).toEqual([6n])
    expect(await run('SELECT count(*) AS x FROM empty WHERE amount > 0', one)).toEqual([0n])
  })

  test('several leaves of one query, and a result written from a locked session', async () => {
    const a = leaf('SELECT delay AS x FROM flights', x, [{ source: flights, before: 0n }])
    const b = leaf('SELECT count(*) AS x FROM flights', x, [{ source: flights, before: 0n }])
    await using result = await bench.offline.query({
      plan: { kind: 'sort', input: { kind: 'union', inputs: [a, b] }, by: ['x'] },
    })
    expect(await result.writeParquet(join(bench.dir, 'out.parquet'))).toBe(3)
    expect(await bench.sql(`SELECT x FROM '{dir}/out.parquet'`)).toEqual([['2'], ['5'], ['7']])
  })
})

const refused = [
  "SELECT * FROM read_parquet('{dir}/secret.parquet')",
  "SELECT * FROM '{dir}/secret.parquet'",
  'SELECT * FROM "{dir}/flights.parquet"',
  "SELECT * FROM read_parquet('{dir}/flights.parquet')",
  "SELECT * FROM read_text('/etc/passwd')",
  "SELECT * FROM read_blob('/etc/passwd')",
  "SELECT * FROM read_csv('/etc/passwd')",
  "SELECT * FROM read_csv_auto('/etc/passwd')",
  "SELECT * FROM read_json('/etc/passwd')",
  "SELECT * FROM parquet_metadata('{dir}/secret.parquet')",
  "SELECT * FROM sniff_csv('/etc/passwd')",
  "SELECT * FROM glob('/*')",
  "SELECT (SELECT max(file) FROM glob('/*')) AS x",
  "SELECT * FROM query('SELECT 1')",
  "SELECT * FROM query_table('flights')",
  'SELECT * FROM duckdb_settings()',
  'SELECT * FROM duckdb_secrets()',
  'SELECT * FROM duckdb_settings',
  'SELECT * FROM information_schema.tables',
  'SELECT * FROM pg_catalog.pg_tables',
  'SELECT * FROM memory.main.flights',
  'SELECT * FROM temp.flights',
  'SELECT * FROM sqlite_master',
  'SELECT * FROM (SHOW ALL TABLES)',
  'DESCRIBE flights',
  'SUMMARIZE flights',
  'SHOW TABLES',
  "SELECT current_setting('temp_directory') AS x",
  "SELECT getenv('HOME') AS x",
  "SELECT getvariable('a') AS x",
  'SELECT sleep_ms(1) AS x',
  "SELECT write_log('x') AS x",
  'SELECT $1 AS x',
  'SELECT ? AS x',
  '',
  '-- nothing',
  'SELECT 1 AS x; SELECT 2 AS x',
  'SELECT 1 AS x) AS t; DROP TABLE a; --',
  'SELECT 1 AS x) AS a, (SELECT 2 AS x',
  "COPY (SELECT 1) TO '{dir}/out.csv'",
  "COPY flights FROM '/etc/passwd'",
  "ATTACH '{dir}/x.db'",
  'INSTALL httpfs',
  "LOAD '{dir}/x.so'",
  "SET memory_limit = '100GB'",
  'RESET memory_limit',
  'PRAGMA database_list',
  'CALL pragma_version()',
  'CREATE TABLE a AS SELECT 1',
  'DROP VIEW flights',
  'INSERT INTO flights VALUES (1)',
  'DELETE FROM flights',
  'UPDATE flights SET delay = 1',
  'WITH a AS (DELETE FROM flights RETURNING *) SELECT * FROM a',
  "EXPORT DATABASE '{dir}/x'",
  "IMPORT DATABASE '{dir}/x'",
  'EXPLAIN SELECT 1',
  'CHECKPOINT',
  'BEGIN',
  'PREPARE a AS SELECT 1',
  'EXECUTE a',
  'PIVOT flights ON airport USING max(delay)',
  'WITH duckdb_settings AS (SELECT * FROM duckdb_settings) SELECT * FROM duckdb_settings',
  'SELECT * FROM (WITH sqlite_master AS (SELECT 1) SELECT 1) a, sqlite_master',
  'SELECT nothing AS x FROM flights',
  'SELECT * FROM flihgts',
  'SELECT',
]

describe('SQL that is refused', () => {
  test.each(refused)('%s', async (text) => {
    const there = text.replaceAll('{dir}', bench.dir)
    await expect(run(there)).rejects.toMatchObject({ code: 'SQL_REFUSED' })
    await expect(asSpine(there)).rejects.toMatchObject({ code: 'SQL_REFUSED' })
  })

  test('a source that is close by is named', async () => {
    await expect(run('SELECT * FROM flihgts')).rejects.toMatchObject({
      message: expect.stringContaining('did you mean "flights"') as string,
    })
  })

  test('SQL that fails while it runs says why', async () => {
    await expect(run('SELECT airport::BIGINT AS x FROM flights')).rejects.toMatchObject({
      code: 'SQL_REFUSED',
      message: expect.stringContaining("Could not convert string 'A'") as string,
    })
    await expect(run(`SELECT error('provender-bad-cell:{')::BIGINT AS x`)).rejects.toMatchObject({
      code: 'SQL_REFUSED',
    })
  })
})

describe('a locked instance, whatever SQL reaches it', () => {
  test.each([
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_parquet('{dir}/secret.parquet')",
    "SELECT * FROM read_parquet('{dir}/sub/../secret.parquet')",
    "SELECT * FROM glob('/*')",
    "ATTACH '{dir}/x.db'",
    "COPY (SELECT 1) TO '{dir}/out.csv'",
    'INSTALL httpfs',
    "LOAD '{dir}/x.duckdb_extension'",
    "SET memory_limit = '100GB'",
    'SET enable_external_access = true',
    'SET lock_configuration = false',
    "SET allowed_paths = ['/etc/passwd']",
    "SELECT * FROM read_csv('https://example.com/x.csv')",
  ])('%s', async (text) => {
    const instance = await openInstance(join(bench.dir, 'temp'), { threads: 1, memoryBytes: 100_000_000 })
    try {
      await lockInstance(instance, [join(bench.dir, 'flights.parquet')], [])
      const connection = await instance.db.connect()
      await connection.run(`SELECT * FROM read_parquet('${join(bench.dir, 'flights.parquet')}')`)
      await expect(connection.run(text.replaceAll('{dir}', bench.dir))).rejects.toThrow(
        /Permission Error|configuration has been locked|Cannot (change|set)|disabled|not found|Missing Extension/i,
      )
      connection.closeSync()
    } finally {
      await closeInstance(instance)
    }
  })
})
