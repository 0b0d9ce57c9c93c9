import { DuckDBInstance } from '@duckdb/node-api'
import { dataFile } from '../harness/data-file.ts'

/** Rows of ten features (5 float64, 3 int64, a string, a bool) spread evenly over entities and 90 days. */
export interface FeatureRows {
  readonly rows: number
  readonly entities: number
  /** Files that differ in it hold other values. */
  readonly salt: number
}

/** The features of such a file, as a view declares them. */
export const featureTypes: Readonly<Record<string, string>> = Object.freeze({
  d0: 'float64',
  d1: 'float64',
  d2: 'float64',
  d3: 'float64',
  d4: 'float64',
  i0: 'int64',
  i1: 'int64',
  i2: 'int64',
  s: 'string',
  b: 'bool',
})

/** The day of the first row, and how many follow. */
export const firstDay = '2026-01-01'
export const spanDays = 90

/** A number of [0, below) that depends on nothing but a row's number and what it is for. */
const random = (salt: number, below: string | number, row = 'n'): string =>
  `((hash(${row}, ${salt}) % 9007199254740992)::DOUBLE / 9007199254740992 * ${below})`

const instant = (salt: number, row?: string): string =>
  `TIMESTAMP '${firstDay}' + to_microseconds(${random(salt, spanDays * 86_400_000_000, row)}::BIGINT)`

/**
 * A Parquet file of features, ordered by event time: id, happened_at, learned_at and the features. One row in fifty shares entity
 * and event time with another; no two share the created time as well.
 */
export function featureFile({ rows, entities, salt }: FeatureRows): Promise<string> {
  const first = 'n - CASE WHEN n % 50 = 1 THEN 1 ELSE 0 END'
  const columns = [
    `${random(salt, entities, `(${first})`)}::BIGINT AS id`,
    `${instant(salt + 1, `(${first})`)} AS happened_at`,
    `happened_at + to_microseconds(n) AS learned_at`,
    ...[0, 1, 2, 3, 4].map((i) => `${random(salt + 10 + i, 1)} AS d${i}`),
    ...[0, 1, 2].map((i) => `${random(salt + 20 + i, 1e9)}::BIGINT AS i${i}`),
    `'v' || ${random(salt + 30, 1000)}::INT AS s`,
    `${random(salt + 31, 2)} > 1 AS b`,
  ]
  return parquet(
    `features-${rows}-${entities}-${salt}.parquet`,
    `SELECT ${columns.join(', ')} FROM range(${rows}) AS r(n) ORDER BY happened_at`,
  )
}

/** A spine in no order: id, at (over the same days) and a label. */
export function spineFile({ rows, entities }: Omit<FeatureRows, 'salt'>): Promise<string> {
  const columns = [`${random(1, entities)}::BIGINT AS id`, `${instant(2)} AS at`, `${random(3, 2)}::INT AS label`]
  return parquet(`spine-${rows}-${entities}.parquet`, `SELECT ${columns.join(', ')} FROM range(${rows}) AS r(n)`)
}

function parquet(key: string, query: string): Promise<string> {
  return dataFile(key, async (path) => {
    const instance = await DuckDBInstance.create(':memory:', { memory_limit: '4GB' })
    const connection = await instance.connect()
    await connection.run(`COPY (${query}) TO '${path}' (FORMAT parquet, COMPRESSION snappy)`)
    connection.closeSync()
    instance.closeSync()
  })
}
