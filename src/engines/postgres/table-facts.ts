import type pg from 'pg'
import { fail } from '../../kernel/errors.ts'
import type { PostgresSourceDef } from '../../define/definition.ts'
import type { PostgresColumn } from './column-type.ts'
import { ident } from './dialect.ts'

/** The table of a name as people write it: `orders`, `public.orders`. */
export const tableName = (written: string): string => written.split('.').map(ident).join('.')

/** A source in PostgreSQL as what stands behind FROM. */
export const fromOf = (source: PostgresSourceDef): string =>
  source.table === undefined ? `(${source.query ?? ''}\n) AS r` : `${tableName(source.table)} AS r`

/** The columns of what stands behind FROM, in order. @throws SOURCE_UNREADABLE naming the source. */
export async function columnsOf(client: pg.ClientBase, from: string, label: string): Promise<PostgresColumn[]> {
  try {
    // With values the driver sends one statement alone: what is written behind a semicolon is refused.
    const { fields } = await client.query({ text: `SELECT * FROM ${from} LIMIT $1`, values: [0] })
    return fields.map(({ name, dataTypeID, dataTypeModifier }) => ({
      name,
      oid: dataTypeID,
      modifier: dataTypeModifier,
    }))
  } catch (thrown) {
    const state = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
    if (!/^(?:42|22|0A|25006)/.test(state)) throw thrown
    throw fail('SOURCE_UNREADABLE', `${label}: ${thrown instanceof Error ? thrown.message : String(thrown)}`, {
      cause: thrown,
      remedy: 'Check the table or the query, and that the user may read it.',
    })
  }
}

const indexes = `
  select array_agg(a.attname::text order by k.n) as columns
  from pg_index i, unnest(i.indkey) with ordinality as k (attnum, n), pg_attribute a
  where i.indrelid = to_regclass($1) and i.indisvalid and i.indpred is null
    and a.attrelid = i.indrelid and a.attnum = k.attnum
  group by i.indexrelid`

/** Whether an index of a table begins with these columns, in any order, and goes on with another one. */
export async function isIndexed(
  client: pg.ClientBase,
  table: string,
  keys: readonly string[],
  next: string,
): Promise<boolean> {
  const { rows } = await client.query<{ columns: unknown }>(indexes, [table])
  return rows.some(({ columns }) => {
    if (!Array.isArray(columns)) return false
    const first = new Set<unknown>(columns.slice(0, keys.length))
    return columns[keys.length] === next && first.size === keys.length && keys.every((key) => first.has(key))
  })
}

/** About how many rows a table has, as the server's statistics have it; null where nobody looked yet. */
export async function estimatedRows(client: pg.ClientBase, table: string): Promise<number | null> {
  const { rows } = await client.query<{ rows: unknown }>(
    'select reltuples::float8 as rows from pg_class where oid = to_regclass($1)',
    [table],
  )
  const estimate = rows[0]?.rows
  return typeof estimate === 'number' && estimate >= 0 ? Math.round(estimate) : null
}
