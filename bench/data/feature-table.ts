import { type FeatureRows, featureTypes, firstDay, spanDays } from './feature-file.ts'
import { runSql } from './servers.ts'

/** What the table is called. */
export const featureTable = 'things'

/** A number of [0, 1) that depends on nothing but a row's number and what it is for. */
const random = (salt: number, row = 'n'): string =>
  `((hashint8extended(${row}, ${salt}) & 9007199254740991)::float8 / 9007199254740992)`

const columnTypes: Readonly<Record<string, string>> = {
  float64: 'double precision',
  int64: 'bigint',
  string: 'text',
  bool: 'boolean',
}

/**
 * Makes the table of such rows in PostgreSQL, in the order of their event times, with an index by which the latest rows of an entity are
 * found: id, happened_at, learned_at and the features. One row in fifty shares entity and event time with another; no two share the
 * created time as well.
 */
export async function fillFeatureTable(url: string, { rows, entities, salt }: FeatureRows): Promise<void> {
  const first = '(n - CASE WHEN n % 50 = 1 THEN 1 ELSE 0 END)'
  const values = [
    `floor(${random(salt, first)} * ${entities})::bigint`,
    `timestamptz '${firstDay}' + ${first} * interval '${(spanDays * 86_400) / rows} seconds'`,
    `timestamptz '${firstDay}' + ${first} * interval '${(spanDays * 86_400) / rows} seconds' + n * interval '1 microsecond'`,
    ...[0, 1, 2, 3, 4].map((i) => random(salt + 10 + i)),
    ...[0, 1, 2].map((i) => `floor(${random(salt + 20 + i)} * 1e9)::bigint`),
    `'v' || floor(${random(salt + 30)} * 1000)`,
    `${random(salt + 31)} > 0.5`,
  ]
  const features = Object.entries(featureTypes).map(([name, type]) => `${name} ${columnTypes[type] ?? type}`)
  await runSql(
    url,
    `drop table if exists ${featureTable}`,
    `create table ${featureTable} (id bigint, happened_at timestamptz, learned_at timestamptz, ${features.join(', ')})`,
    `insert into ${featureTable} select ${values.join(', ')} from generate_series(0, ${rows - 1}::bigint) as r (n)`,
    `create index on ${featureTable} (id, happened_at desc, learned_at desc nulls last)`,
    `vacuum analyze ${featureTable}`,
  )
}

/** What the table of distinct rows is called. */
export const distinctTable = 'distinct_things'

/** Makes a table of the latest of the rows that share entity and event time, with an index that says that no two do. */
export const fillDistinctTable = (url: string): Promise<void> =>
  runSql(
    url,
    `drop table if exists ${distinctTable}`,
    `create table ${distinctTable} as select * from (select distinct on (id, happened_at) * from ${featureTable} order by id, happened_at, learned_at desc) as r order by happened_at`,
    `create unique index on ${distinctTable} (id, happened_at)`,
    `vacuum analyze ${distinctTable}`,
  )
