import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { guessFrom } from '../../src/cli/init/from-file.ts'
import { Session } from '../../src/cli/session.ts'
import { csvLine, parseCell } from '../../src/codecs/csv.ts'
import { openStore } from '../../src/compose/open-store.ts'
import { loadRepository } from '../../src/definitions/load-files.ts'
import { isFeatureType } from '../../src/values/feature-type.ts'
import { parseInstant } from '../../src/values/instant.ts'
import { silent } from '../support/silent-terminal.ts'
import { documentOf, json, run } from '../support/command-line.ts'
import { type Folder, newFolder } from './shop.ts'

let folder: Folder
beforeAll(() => (folder = newFolder()))
afterAll(() => folder.remove())

const sales = `Order ID,customerId,Sold At,loaded_at,amount,Zip,note,weird col!
1,7,2026-01-02T10:00:00Z,2026-01-02T11:00:00Z,1.5,00123,"a, b",
2,7,2026-01-03T10:00:00Z,2026-01-03T11:00:00Z,2,04567,,
3,8,2026-01-04,2026-01-04T11:00:00Z,3.25,12345,x,
`

test('a file of one’s own becomes a repository that works at once', async () => {
  folder.write('sales.csv', sales)
  const told = await run(folder.dir, ['init', 'mine', '--from', 'sales.csv'])
  expect(told).toMatchObject({ exit: 0, stderr: 'Next: cd mine && provender dev\n' })
  expect(told.stdout).toMatch(
    /key +customerId int64: 2 different values in 3 rows, named like a key\n +timestamp +Sold At: 2026-01-02 to 2026-01-04\n +created +loaded_at: never before Sold At\n/,
  )
  expect(readFileSync(join(folder.dir, 'mine/features/sales.yaml'), 'utf8')).toMatch(
    /customer: \{ key: \{ customer_id: int64 \} \}[^]*path: "\.\.\/sales\.csv", timestamp: "Sold At", created: loaded_at[^]*zip: \{ type: string, column: Zip \}\n +note: string\n +weird_col: \{ type: string, column: "weird col!" \}/,
  )
  const mine = join(folder.dir, 'mine')
  await json(mine, ['apply', '--yes'])
  await json(mine, ['materialize'])
  expect(await json(mine, ['get', 'customer_sales', 'customer_id=7'])).toMatchObject({
    features: { order_id: 2, amount: 2, zip: '04567', note: null, weird_col: null },
  })
})

test('the guesses can be overridden; a far file is copied; what cannot be is refused', async () => {
  folder.write('far/away/sales [1].csv', sales)
  mkdirSync(join(folder.dir, 'deep/er'), { recursive: true })
  const chosen = await json(folder.dir, [
    'init',
    'deep/er/mine',
    '--from',
    'far/away/sales [1].csv',
    '--key',
    'Order ID,Zip',
    '--timestamp',
    'loaded_at',
  ])
  expect(chosen).toMatchObject({
    files: ['provender.yaml', 'features/sales_1.yaml', 'data/sales_1.csv', 'provender.schema.json', '.gitignore'],
    from: {
      rows: 3,
      entity: 'order_zip',
      keys: [
        { name: 'order_id', type: 'int64' },
        { name: 'zip', type: 'string' },
      ],
      timestamp: 'loaded_at',
      created: null,
    },
  })
  expect(await json(join(folder.dir, 'deep/er/mine'), ['validate'])).toEqual({ ok: true, errors: [] })

  folder.write('none.csv', 'a,b\n1,2\n')
  folder.write('empty.csv', 'a,at\n')
  folder.write('twins.csv', 'a,A,at\n1,2,2026-01-01\n')
  folder.write('bare.csv', 'a,at\n1,2026-01-01\n')
  const refused = async (...args: string[]): Promise<unknown> => {
    const { exit, stdout } = await run(folder.dir, ['init', 'no', '--json', ...args])
    const { code, detail, remedy } = documentOf(stdout) as { code: string; detail: string; remedy: string }
    return [exit, code, `${detail} ${remedy}`]
  }
  const says = (text: string): unknown => [2, 'USAGE', expect.stringContaining(text)]
  expect(
    await Promise.all([
      refused('--from', 'none.csv'),
      refused('--from', 'empty.csv'),
      refused('--from', 'twins.csv'),
      refused('--from', 'bare.csv'),
      refused('--from', 'nowhere.csv'),
      refused('--from', 'a.json'),
      refused('--from', 'sales.csv', '--key', 'customer'),
      refused('--from', 'sales.csv', '--key', 'amount'),
      refused('--from', 'sales.csv', '--timestamp', 'note'),
      refused('--key', 'a'),
      refused('--from', 'sales.csv', '--template', 'empty'),
    ]),
  ).toEqual([
    says('no column of instants'),
    says('no rows'),
    says('"a" and "A"'),
    says('no feature'),
    says('no file'),
    says('no file'),
    says('Did you mean "customerId"?'),
    says('cannot be a join key'),
    says('not an instant'),
    says('--from FILE'),
    says('two ways'),
  ])
  expect(existsSync(join(folder.dir, 'no'))).toBe(false)
})

test('the types of Parquet are declared as what they widen to', async () => {
  const path = join(folder.dir, 'types.parquet')
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run(`COPY (SELECT 'k' || (i % 3) AS user_id, TIMESTAMP '2026-01-01 00:00:00' + INTERVAL (i) HOUR AS ts,
    i::TINYINT AS tiny, i::UINTEGER AS wide, i::DECIMAL(18,0) AS money, DATE '2026-01-01' AS day, i::FLOAT AS ratio,
    [i::SMALLINT] AS few, {'a': i} AS nested, i::UBIGINT AS huge, true AS flag, 'x'::BLOB AS raw FROM range(9) AS t(i)) TO '${path}'`)
  connection.closeSync()
  instance.closeSync()
  const { from } = (await json(folder.dir, ['init', 'typed', '--from', 'types.parquet'])) as {
    from: Record<string, unknown>
  }
  expect(from).toMatchObject({
    rows: 9,
    entity: 'user',
    timestamp: 'ts',
    features: [
      { name: 'tiny', type: 'int32' },
      { name: 'wide', type: 'int64' },
      { name: 'money', type: 'int64' },
      { name: 'day', type: 'timestamp' },
      { name: 'ratio', type: 'float32' },
      { name: 'few', type: 'list<int32>' },
      { name: 'flag', type: 'bool' },
      { name: 'raw', type: 'bytes' },
    ],
    leftOut: [{ column: 'nested' }, { column: 'huge' }],
  })
  const typed = join(folder.dir, 'typed')
  await json(typed, ['apply', '--yes'])
  await json(typed, ['materialize'])
  expect(await json(typed, ['get', 'user_types', 'user_id=k2'])).toMatchObject({
    features: { tiny: 8, few: [8], day: '2026-01-01T00:00:00Z' },
  })
})

const instant = fc
  .date({ min: new Date('2001-01-01'), max: new Date('2025-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString())
const cells: Readonly<Record<string, fc.Arbitrary<string>>> = {
  bool: fc.constantFrom('true', 'false'),
  int64: fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n }).map(String),
  float64: fc.oneof(
    fc.double().map((n) => (Object.is(n, -0) ? '-0' : String(n))),
    fc.integer().map(String),
  ),
  timestamp: instant,
  string: fc.string({ unit: 'grapheme', maxLength: 12 }),
  empty: fc.constant(''),
}
const columnName = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
  fc.constantFrom(
    'id',
    'true',
    'event_timestamp',
    'created',
    'a: b',
    '# c',
    '"',
    "'",
    '{',
    '${HOME}',
    'Ö',
    'constructor',
  ),
)

interface Table {
  readonly names: readonly string[]
  readonly rows: readonly (readonly (string | null)[])[]
}

/** Tables that have something to be a key, and something to be a time. */
const tables: fc.Arbitrary<Table> = fc
  .tuple(
    fc.constantFrom('int64', 'string'),
    fc.array(fc.constantFrom(...Object.keys(cells)), { minLength: 1, maxLength: 6 }),
  )
  .chain(([key, kinds]) => {
    const all = [key, 'timestamp', ...kinds]
    const cell = (kind: string, i: number): fc.Arbitrary<string | null> => {
      const some = kind === 'empty' ? fc.constant(null) : (cells[kind] ?? fc.constant(''))
      return i < 2 ? some : fc.option(some, { freq: 4 })
    }
    return fc.record({
      names: fc.uniqueArray(columnName, {
        minLength: all.length,
        maxLength: all.length,
        selector: (name) => name.toLowerCase(),
      }),
      rows: fc.array(fc.tuple(...all.map(cell)), { minLength: 1, maxLength: 12 }),
    })
  })
  .filter(({ names }) =>
    names.every((name) => !/[\u0000-\u001f\u007f]/.test(name) && name.isWellFormed() && name.trim() !== ''),
  )

test(
  'random tables become repositories that are valid, and whose features are those of the latest rows',
  { timeout: 120_000 },
  async () => {
    const session = new Session(silent, () => ({}), '')
    let n = 0
    await fc.assert(
      fc.asyncProperty(tables, async ({ names, rows }) => {
        const dir = join(folder.dir, `random${++n}`)
        mkdirSync(join(dir, 'features'), { recursive: true })
        writeFileSync(join(dir, 'table.csv'), [names, ...rows].map(csvLine).join(''))
        writeFileSync(join(dir, 'provender.yaml'), 'project: random\n')
        const guessed = await guessFrom(session, {
          dir,
          file: join(dir, 'table.csv'),
          key: undefined,
          timestamp: undefined,
          yes: true,
        })
        writeFileSync(join(dir, guessed.definitionsFile), guessed.text)
        const { definitions, errors } = await loadRepository(dir)
        expect(errors.map(({ message }) => message)).toEqual([])
        const [key] = guessed.keys
        if (key === undefined) throw new Error('No key was guessed')
        {
          await using store = await openStore(dir)
          await store.apply(definitions)
          await store.materialize()
          const at = (row: readonly (string | null)[], column: string): string | null =>
            row[names.indexOf(column)] ?? null
          const times = rows.map((row) => parseInstant(at(row, guessed.timestamp) ?? ''))
          for (const value of new Set(rows.map((row) => at(row, key.column)))) {
            const own = rows.flatMap((row, i) =>
              at(row, key.column) === value && times[i] !== undefined ? [{ row, time: times[i] }] : [],
            )
            const newest = own.reduce((max, { time }) => (time > max ? time : max), 0n)
            const [latest, ...others] = own.filter(({ time }) => time === newest)
            // Which of several rows of one instant is the latest is the Order's affair.
            if (value === null || latest === undefined || others.length > 0) continue
            const entity = { [key.name]: value }
            const [online] = (await store.online(guessed.view, [entity], { form: 'text', int64: 'bigint' })).exact
            const spine = {
              rows: [
                {
                  [key.name]: key.type === 'int64' ? BigInt(value) : key.type === 'bool' ? value === 'true' : value,
                  event_timestamp: new Date(),
                },
              ],
            }
            const [trained] = await (
              await store.historical(guessed.view, spine)
            ).rows({ int64: 'bigint', instants: 'micros' })
            const expected = guessed.features.map(({ type, column }) => {
              if (!isFeatureType(type)) throw new Error(`${String(type)} is no type`)
              return parseCell(type, at(latest.row, column), { path: [] } as never)
            })
            expect(online).toEqual(expected)
            expect(guessed.features.map(({ name }) => trained?.[name])).toEqual(expected)
          }
        }
        rmSync(dir, { recursive: true })
      }),
      { numRuns: 12 },
    )
  },
)

test('a file that is named like a glob is copied, one beside the repository is read where it lies', async () => {
  const session = new Session(silent, () => ({}), '')
  const write = (file: string): string => folder.write(file, sales)
  const copied = async (dir: string, file: string): Promise<string | null> =>
    (await guessFrom(session, { dir: join(folder.dir, dir), file, key: undefined, timestamp: undefined, yes: true }))
      .copyTo
  expect(await copied('here', write('here/data/a.csv'))).toBe(null)
  expect(await copied('here', write('b.csv'))).toBe(null)
  expect(await copied('here', write('there/c.csv'))).toBe(null)
  expect(await copied('here/deeper', write('there/c.csv'))).toBe('data/c.csv')
  expect(await copied('here', write('d*.csv'))).toBe('data/d.csv')
  copyFileSync(join(folder.dir, 'b.csv'), join(folder.dir, 'E.CSV'))
  expect(await copied('x/y/z', join(folder.dir, 'E.CSV'))).toBe('data/e.csv')
})
