import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Instance, closeInstance, openInstance } from '../../src/engines/duckdb/instance.ts'
import { Session } from '../../src/engines/duckdb/session.ts'
import { checkSql } from '../../src/engines/duckdb/user-sql.ts'
import { asProvenderError } from '../../src/kernel/errors.ts'

let instance: Instance
let session: Session
/** All functions of this DuckDB. */
let functions: readonly {
  readonly name: string
  readonly kind: string
  readonly stability: string
  readonly body: string
}[]

beforeAll(async () => {
  instance = await openInstance(tmpdir(), { threads: 1, memoryBytes: 200_000_000 })
  session = new Session(await instance.db.connect(), undefined)
  const found = await session.rows(
    `SELECT DISTINCT function_name, function_type, coalesce(stability, ''), coalesce(macro_definition, '') FROM duckdb_functions() ORDER BY ALL`,
  )
  functions = found.map((row) => {
    const [name = '', kind = '', stability = '', body = ''] = row.map(String)
    return { name, kind, stability, body }
  })
})
afterAll(async () => {
  await session[Symbol.asyncDispose]()
  await closeInstance(instance)
})

/** What the check of user SQL over a source `flights` comes to: the code of its error, or `passed`. */
async function comesTo(sql: string): Promise<string> {
  try {
    await checkSql(session, sql, new Set(['flights']), 'a test')
    return 'passed'
  } catch (thrown) {
    return asProvenderError(thrown).code
  }
}

/** Functions whose every name and purpose somebody has looked at, sorted into what is allowed and what is not. */
const reviewed = readFileSync(join(import.meta.dirname, 'sql-functions.txt'), 'utf8')
const section = (title: string): string[] =>
  (new RegExp(`^## ${title}\\n([^#]*)`, 'm').exec(reviewed)?.[1] ?? '').split(/\s+/).filter((name) => name !== '')

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`
/** Arguments that functions are tried with: any that fits would be bound. */
const argumentLists = ['', `'/etc/passwd'`, `'SELECT 1'`, `['/etc/passwd']`, '1', `'a', 'b'`, `'memory.main.a'`]

describe('every function that DuckDB has', () => {
  test('was looked at: what a new release brings is allowed by nobody', () => {
    const known = new Set([
      ...section('allowed'),
      ...section('refused'),
      ...section('tables allowed'),
      ...section('tables refused'),
    ])
    const isCollation = (name: string): boolean => /^icu_collate_\w+$/.test(name)
    const names = new Set(functions.map(({ name }) => name).filter((name) => !isCollation(name)))
    expect(
      [...names].filter((name) => !known.has(name)),
      'not looked at',
    ).toEqual([])
    expect(
      [...known].filter((name) => !names.has(name)),
      'gone',
    ).toEqual([])
  })

  test(
    'that makes a table is refused, however it is called, but for those that read their arguments only',
    { timeout: 120_000 },
    async () => {
      const allowed = new Set(section('tables allowed'))
      const names = [...new Set(functions.filter(({ kind }) => /table|pragma/.test(kind)).map(({ name }) => name))]
      expect(names.length).toBeGreaterThan(100)
      const through: string[] = []
      for (const name of names) {
        if (allowed.has(name)) continue
        const forms = [
          ...argumentLists.map((list) => `SELECT 1 AS x FROM ${quoted(name)}(${list})`),
          `SELECT (SELECT count(*) FROM ${quoted(name.toUpperCase())}('/etc/passwd')) AS x`,
          `SELECT 1 AS x FROM main.${quoted(name)}('/etc/passwd')`,
          `SELECT 1 AS x FROM system.main.${quoted(name)}('/etc/passwd')`,
          `FROM flights, LATERAL ${quoted(name)}(airport) SELECT 1 AS x`,
          `CALL ${quoted(name)}('/etc/passwd')`,
          `PRAGMA ${quoted(name)}('/etc/passwd')`,
        ]
        for (const form of forms) if ((await comesTo(form)) !== 'SQL_REFUSED') through.push(form)
      }
      expect(through).toEqual([])
    },
  )

  test('that sees or does more than its arguments say is refused', async () => {
    const harmless = new Set(section('allowed'))
    const refused = section('refused')
    // By DuckDB's own word these depend on more than their arguments; what is allowed of them tells the time, or is chance.
    const unstable = functions.filter(({ kind, stability }) => kind === 'scalar' && stability !== 'CONSISTENT')
    const time =
      /^(now|today|current_date|get_current_time|get_current_timestamp|transaction_timestamp|random|uuid|uuidv4|uuidv7|gen_random_uuid|error|current_database|current_schema)$/
    expect(unstable.filter(({ name }) => harmless.has(name) && !time.test(name)).map(({ name }) => name)).toEqual([])
    const macros = functions.filter(({ kind, body }) => kind === 'macro' && /select|from /i.test(body))
    expect(macros.filter(({ name }) => harmless.has(name)).map(({ name }) => name)).toEqual([])
    const through: string[] = []
    for (const name of refused) {
      const lists = [...argumentLists, 'delay', 'airport, delay']
      const forms = lists.flatMap((list) => [
        `SELECT ${quoted(name)}(${list}) AS x FROM flights`,
        `SELECT main.${quoted(name.toUpperCase())}(${list}) AS x FROM flights`,
      ])
      for (const form of [
        ...forms,
        `SELECT ${quoted(name)}(delay) OVER () AS x FROM flights`,
        `SELECT airport.${quoted(name)}() AS x FROM flights`,
      ])
        if ((await comesTo(form)) !== 'SQL_REFUSED') through.push(form)
    }
    expect(through).toEqual([])
  })
})

/** What reaches outside of its statement, as an expression. */
const outside = [
  `(SELECT max(content) FROM read_text('/etc/passwd'))`,
  `(SELECT max(content) FROM read_blob('/etc/passwd'))`,
  `(SELECT count(*) FROM '/etc/passwd')`,
  `(SELECT count(*) FROM "flights.parquet")`,
  `(FROM glob('/*') SELECT count(*))`,
  `(SELECT count(*) FROM read_csv_auto('http://127.0.0.1:9/x.csv'))`,
  `(SELECT count(*) FROM 's3://bucket/x.parquet')`,
  `(SELECT count(*) FROM duckdb_settings())`,
  `(SELECT count(*) FROM duckdb_secrets)`,
  `(SELECT count(*) FROM information_schema.tables)`,
  `(SELECT count(*) FROM pg_catalog.pg_class)`,
  `(SELECT count(*) FROM memory.main.flights)`,
  `(SELECT count(*) FROM sqlite_master)`,
  `(SELECT count(*) FROM query('SELECT 1'))`,
  `(SELECT count(*) FROM query_table('flights'))`,
  `(SELECT count(*) FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1')))`,
  `(SELECT count(*) FROM (SHOW TABLES))`,
  `(SELECT count(*) FROM (DESCRIBE flights))`,
  `(WITH a AS (SELECT * FROM sniff_csv('/etc/passwd')) SELECT count(*) FROM a)`,
  `getenv('HOME')`,
  `current_setting('temp_directory')`,
  `json_serialize_plan('SELECT current_setting(''temp_directory'')')`,
]

/** Every place of a SELECT where an expression may stand. */
const places: readonly ((expression: string) => string)[] = [
  (e) => `SELECT ${e} AS x FROM flights`,
  (e) => `SELECT 1 AS x FROM flights WHERE ${e} IS NOT NULL`,
  (e) => `SELECT 1 AS x FROM flights GROUP BY ${e}`,
  (e) => `SELECT count(*) AS x FROM flights GROUP BY ALL HAVING ${e} IS NOT NULL`,
  (e) => `SELECT delay AS x FROM flights QUALIFY row_number() OVER (ORDER BY ${e}) = 1`,
  (e) => `SELECT delay AS x FROM flights ORDER BY ${e}`,
  (e) => `SELECT delay AS x FROM flights LIMIT (SELECT length(${e}::VARCHAR))`,
  (e) => `SELECT delay AS x FROM flights LIMIT 1 OFFSET (SELECT length(${e}::VARCHAR))`,
  (e) => `SELECT DISTINCT ON (${e}) delay AS x FROM flights`,
  (e) => `SELECT sum(delay) FILTER (WHERE ${e} IS NULL) AS x FROM flights`,
  (e) => `SELECT list(delay ORDER BY ${e}) AS x FROM flights`,
  (e) => `SELECT sum(delay) OVER (PARTITION BY ${e} ORDER BY 1) AS x FROM flights`,
  (e) => `SELECT lag(delay, 1, ${e}::BIGINT) OVER () AS x FROM flights`,
  (e) => `SELECT CASE WHEN ${e} IS NULL THEN 1 ELSE 2 END AS x FROM flights`,
  (e) => `SELECT CAST(${e} AS VARCHAR) AS x FROM flights`,
  (e) => `SELECT 1 BETWEEN 0 AND length(${e}::VARCHAR) AS x FROM flights`,
  (e) => `SELECT 1 IN (1, length(${e}::VARCHAR)) AS x FROM flights`,
  (e) => `SELECT 1 IN (SELECT length(${e}::VARCHAR)) AS x FROM flights`,
  (e) => `SELECT EXISTS (SELECT ${e}) AS x FROM flights`,
  (e) => `SELECT 1 = ANY (SELECT length(${e}::VARCHAR)) AS x FROM flights`,
  (e) => `SELECT [${e}] AS x FROM flights`,
  (e) => `SELECT {'a': ${e}} AS x FROM flights`,
  (e) => `SELECT MAP {'a': ${e}} AS x FROM flights`,
  (e) => `SELECT list_transform([1], lambda y: ${e}) AS x FROM flights`,
  (e) => `SELECT [y || ${e} FOR y IN ['a']] AS x FROM flights`,
  (e) => `SELECT (ARRAY[1, 2])[length(${e}::VARCHAR)] AS x FROM flights`,
  (e) => `SELECT TRY(${e}) AS x FROM flights`,
  (e) => `SELECT coalesce(NULL, ${e}) AS x FROM flights`,
  (e) => `SELECT * REPLACE (${e} AS delay) FROM flights`,
  (e) => `SELECT a.delay AS x FROM flights a JOIN flights b ON ${e} IS NULL`,
  (e) => `SELECT a.delay AS x FROM flights a ASOF JOIN flights b ON a.delay >= length(${e}::VARCHAR)`,
  (e) => `SELECT y AS x FROM flights, LATERAL (SELECT ${e} AS y) t`,
  (e) => `SELECT y AS x FROM (VALUES (${e})) t(y)`,
  (e) => `VALUES (${e})`,
  (e) => `SELECT y AS x FROM range(length(${e}::VARCHAR)) t(y)`,
  (e) => `SELECT unnest([${e}]) AS x FROM flights`,
  (e) => `WITH t AS MATERIALIZED (SELECT ${e} AS y) SELECT y AS x FROM t`,
  (e) => `WITH RECURSIVE t AS (SELECT 1 AS y UNION ALL SELECT y + 1 FROM t WHERE ${e} IS NULL) SELECT y AS x FROM t`,
  (e) => `SELECT 1 AS x UNION ALL SELECT length(${e}::VARCHAR)`,
  (e) => `SELECT 1 AS x EXCEPT (SELECT length(${e}::VARCHAR) ORDER BY ${e})`,
  (e) =>
    `FROM (PIVOT (SELECT airport, delay FROM flights WHERE ${e} IS NULL) ON airport IN ('A') USING max(delay)) SELECT A AS x`,
  (e) => `FROM (UNPIVOT (SELECT 1 AS a, length(${e}::VARCHAR) AS b) ON a, b INTO NAME n VALUE v) SELECT v AS x`,
  (e) => `SELECT delay AS x FROM flights USING SAMPLE reservoir(length(${e}::VARCHAR) ROWS)`,
  (e) => `SELECT COLUMNS(c -> c LIKE ${e}::VARCHAR) FROM flights`,
  (e) => `/* a */ SELECT--\n${e}\tAS\u00a0x/**/FROM\u3000flights`,
  (e) => `SELECT 1 AS x WHERE ((((((${e} IS NULL))))))`,
]

test('what reaches outside is refused in every place of a statement', { timeout: 60_000 }, async () => {
  const through: string[] = []
  for (const place of places) {
    // The place itself may be one that DuckDB does not have, or that is not allowed: then nothing can stand there.
    for (const each of outside) if ((await comesTo(place(each))) !== 'SQL_REFUSED') through.push(place(each))
  }
  expect(through).toEqual([])
  const passing: string[] = []
  for (const place of places) if ((await comesTo(place(`upper('a')`))) === 'passed') passing.push(place('…'))
  expect(passing.length, 'places that an expression may stand in').toBeGreaterThan(38)
})

test('more than one statement, another kind of statement, or one that is none, is refused', async () => {
  const texts = [
    `SELECT 1 AS x;\u00a0SELECT 2`,
    `SELECT 1 AS x; -- \n ; COPY (SELECT 1) TO '/tmp/x'`,
    `SELECT 1 AS x \u0000; DROP TABLE flights`,
    `COPY flights TO '/tmp/x.csv'`,
    `COPY (SELECT 1) TO '/tmp/x.parquet' (FORMAT parquet)`,
    `CREATE MACRO f() AS TABLE SELECT * FROM read_text('/etc/passwd')`,
    `CREATE TEMP MACRO f(a) AS getenv(a)`,
    `CREATE SECRET (TYPE s3)`,
    `CREATE TYPE a AS ENUM (SELECT content FROM read_text('/etc/passwd'))`,
    `CREATE VIEW v AS SELECT * FROM read_text('/etc/passwd')`,
    `ATTACH ':memory:' AS b`,
    `USE memory`,
    `DETACH memory`,
    `SET VARIABLE a = (SELECT content FROM read_text('/etc/passwd'))`,
    `RESET ALL`,
    `LOAD httpfs`,
    `FORCE INSTALL httpfs FROM 'http://127.0.0.1:9'`,
    `UPDATE EXTENSIONS`,
    `PRAGMA enable_logging`,
    `CALL enable_logging()`,
    `EXPLAIN ANALYZE SELECT 1`,
    `PREPARE p AS SELECT * FROM read_text('/etc/passwd')`,
    `EXECUTE p`,
    `VACUUM`,
    `ANALYZE`,
    `COMMENT ON TABLE flights IS 'x'`,
    `EXPORT DATABASE '/tmp/x'`,
    `IMPORT DATABASE '/tmp/x'`,
    `MERGE INTO flights USING flights f ON true WHEN MATCHED THEN DELETE`,
    `SELECT 1 INTO t`,
    `SELECT 1) UNION SELECT (2`,
    `\ufeffCOPY flights TO '/tmp/x'`,
  ]
  for (const text of texts) expect([text, await comesTo(text)]).toEqual([text, 'SQL_REFUSED'])
})
