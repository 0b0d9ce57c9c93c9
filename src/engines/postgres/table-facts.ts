import type pg from 'pg'
import { fail } from '../../kernel/errors.ts'
import type { PostgresSourceDef } from '../../define/definition.ts'
import { type PostgresColumn, hasTexts } from './column-type.ts'
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
    const columns = fields.map(({ name, dataTypeID, dataTypeModifier }) => ({
      name,
      oid: dataTypeID,
      modifier: dataTypeModifier,
    }))
    // A column whose name another has too cannot be asked for.
    const byName = Map.groupBy(columns, ({ name }) => name)
    const texts = columns.filter((column) => hasTexts(column) && byName.get(column.name)?.length === 1)
    const folding = await foldingOf(client, from, texts)
    return columns.map((column) => (folding.has(column.name) ? { ...column, folds: true } : column))
  } catch (thrown) {
    const state = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
    if (!/^(?:42|22|0A|25006)/.test(state)) throw thrown
    throw fail('SOURCE_UNREADABLE', `${label}: ${thrown instanceof Error ? thrown.message : String(thrown)}`, {
      cause: thrown,
      remedy: 'Check the table or the query, and that the user may read it.',
    })
  }
}

/** Those of some columns whose collation takes different texts for equal. Nothing is read: an expression has a collation without rows. */
async function foldingOf(
  client: pg.ClientBase,
  from: string,
  columns: readonly PostgresColumn[],
): Promise<ReadonlySet<string>> {
  if (columns.length === 0) return new Set()
  const collations = columns.map(({ name }) => `pg_collation_for(r.${ident(name)})`).join(', ')
  const { rows } = await client.query<{ folding: unknown }>(
    `SELECT ARRAY(SELECT coalesce(NOT c.collisdeterministic, false) FROM unnest(ARRAY[${collations}]) WITH ORDINALITY AS n (name, place)
     LEFT JOIN pg_collation AS c ON c.oid = to_regcollation(n.name) ORDER BY n.place) AS folding FROM (SELECT 1) AS one LEFT JOIN ${from} ON false`,
  )
  const folding: unknown = rows[0]?.folding
  return new Set(columns.flatMap(({ name }, i) => (Array.isArray(folding) && folding[i] === true ? [name] : [])))
}

// Only what an index sorts by, not what it includes; an expression has no column, and one over some rows finds not all. Texts that it
// sorts by another collation than the column's are not found by it. What says that rows are distinct does not hold for tables that inherit.
const indexes = `
  select i.indisunique and (t.relkind = 'p' or not t.relhassubclass) as single, (
    select array_agg(case when i.indcollation[k.n - 1] = a.attcollation then a.attname::text end order by k.n)
    from unnest(i.indkey) with ordinality as k (attnum, n) join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
    where k.n <= i.indnkeyatts) as columns, (
    select array_agg(o.option in (0, 3) order by o.n) from unnest(i.indoption) with ordinality as o (option, n)) as newest
  from pg_index i join pg_class t on t.oid = i.indrelid join pg_class c on c.oid = i.indexrelid join pg_am m on m.oid = c.relam
  where i.indrelid = to_regclass($1) and i.indisvalid and i.indpred is null and i.indexprs is null and m.amname = 'btree'`

/** How rows of a table are found by keys and event times. */
export interface Reach {
  /** An index finds them, without a look at the others. */
  readonly seeks: boolean
  /** No two have the same. */
  readonly single: boolean
}

/**
 * What the indexes of a table are good for. One finds rows where it begins with the keys, in any order, and goes on with the event time, in
 * an order whose one end is the newest: with nulls at the wrong end each look-up would sort.
 */
export async function reachOf(
  client: pg.ClientBase,
  table: string,
  { keys, event }: { readonly keys: readonly string[]; readonly event: string },
): Promise<Reach> {
  const { rows } = await client.query<{ single: unknown; columns: unknown; newest: unknown }>(indexes, [table])
  const arrayOf = (found: unknown): readonly unknown[] => (Array.isArray(found) ? found : [])
  const all = rows.map((row) => ({ single: row.single, columns: arrayOf(row.columns), newest: arrayOf(row.newest) }))
  const seeks = all.some(({ columns, newest }) => {
    const first = new Set(columns.slice(0, keys.length))
    const goesOn = columns[keys.length] === event && newest[keys.length] === true
    return goesOn && first.size === keys.length && keys.every((key) => first.has(key))
  })
  const named = new Set<unknown>([...keys, event])
  const single = all.some(
    ({ single: unique, columns }) =>
      unique === true && columns.length > 0 && columns.every((column) => named.has(column)),
  )
  return { seeks, single }
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
