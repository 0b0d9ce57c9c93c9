import type pg from 'pg'
import { type ProvenderError, fail } from '../../kernel/errors.ts'
import { nearest } from '../../kernel/nearest.ts'
import { ident } from './dialect.ts'

/** Functions that see or touch more than their arguments, though PostgreSQL does not call them volatile. */
const refusedFunctions =
  /^(?:pg_|current_setting|set_config|txid_|has_|inet_|.*_to_xml|.*_to_xmlschema|.*_to_xml_and_xmlschema|query_to|cursor_to|version$|lo_|ts_stat|dblink|currval|lastval|nextval|obj_description|col_description|shobj_description|row_security_active|to_reg)/
/** Of those, what says nothing but of its argument. */
const allowedFunctions: ReadonlySet<string> = new Set(['pg_typeof'])

/** A source as user SQL sees it: its name, and a query for all its rows. */
export interface SqlTable {
  readonly name: string
  readonly query: string
}

/**
 * Looks at user SQL as PostgreSQL itself understands it: a view is made of it, and taken back. It must be one SELECT over the tables
 * given and nothing else, without functions that reach beyond their arguments. To be run inside a transaction that may write.
 * @throws SQL_REFUSED.
 */
export async function checkSql(
  client: pg.ClientBase,
  sql: string,
  tables: readonly SqlTable[],
  label: string,
): Promise<void> {
  await client.query('SAVEPOINT provender_sql')
  try {
    const views: string[] = []
    for (const { name, query } of tables) {
      await client.query(`CREATE TEMP VIEW ${ident(name)} AS ${query}`)
      views.push(`pg_temp.${ident(name)}`)
    }
    try {
      // With a value the driver sends one statement alone.
      await client.query({ text: `CREATE TEMP VIEW _provender_sql AS ${sql}`, queryMode: 'extended' } as pg.QueryConfig)
    } catch (thrown) {
      throw refused(label, thrown instanceof Error ? hinted(thrown, tables) : String(thrown), thrown)
    }
    await checkRule(client, views, label)
  } finally {
    await client.query('ROLLBACK TO SAVEPOINT provender_sql')
    await client.query('RELEASE SAVEPOINT provender_sql')
  }
}

/** A query whose tables are the given ones and hide all others of their names. */
export function withTables(sql: string, tables: readonly SqlTable[]): string {
  if (tables.length === 0) return `SELECT * FROM (${sql}\n) AS q`
  const ctes = tables.map(({ name, query }) => `${ident(name)} AS NOT MATERIALIZED (${query})`)
  return `WITH ${ctes.join(', ')} SELECT * FROM (${sql}\n) AS q`
}

const refused = (label: string, why: string, cause?: unknown): ProvenderError =>
  fail('SQL_REFUSED', `The SQL of ${label} is refused: ${why}`, { cause })

function hinted(thrown: Error, tables: readonly SqlTable[]): string {
  const missing = /relation "([^"]+)" does not exist/.exec(thrown.message)?.[1]
  const near =
    missing === undefined
      ? undefined
      : nearest(
          missing,
          tables.map(({ name }) => name),
        )
  if (missing !== undefined)
    return `"${missing}" is not one of the sources that it may read${near === undefined ? '' : `; did you mean "${near}"?`}`
  return thrown.message
}

async function checkRule(client: pg.ClientBase, views: readonly string[], label: string): Promise<void> {
  const { rows } = await client.query<{ rule: unknown }>(
    `select ev_action::text as rule from pg_rewrite where ev_class = to_regclass('pg_temp._provender_sql')`,
  )
  const rule = rows[0]?.rule
  if (typeof rule !== 'string') throw refused(label, 'it is not one plain SELECT')
  const numbers = (field: RegExp): string[] => [
    ...new Set([...rule.matchAll(field)].map(([, number]) => number ?? '0')),
  ]
  const relations = numbers(/ :relid (\d+)/g)
  const allowed = await client.query<{ oid: unknown }>(
    `select to_regclass(name)::oid::text as oid from unnest($1::text[]) as name`,
    [[...views, 'pg_temp._provender_sql']],
  )
  const known = new Set(allowed.rows.map(({ oid }) => oid))
  const stranger = relations.find((relation) => relation !== '0' && !known.has(relation))
  if (stranger !== undefined) {
    const { rows: named } = await client.query<{ name: unknown }>('select $1::oid::regclass::text as name', [stranger])
    throw refused(label, `"${String(named[0]?.name)}" is not one of the sources that it may read`)
  }
  const functions = numbers(/ :(?:funcid|opfuncid|aggfnoid|winfnoid) (\d+)/g)
  const called = await client.query<{ name: unknown; volatile: unknown; ours: unknown }>(
    `select p.proname::text as name, p.provolatile = 'v' as volatile, n.nspname = 'pg_catalog' as ours
     from pg_proc p join pg_namespace n on n.oid = p.pronamespace where p.oid = any($1::oid[])`,
    [functions],
  )
  for (const { name, volatile, ours } of called.rows) {
    const text = String(name)
    if (allowedFunctions.has(text)) continue
    if (volatile === true || ours !== true || refusedFunctions.test(text))
      throw refused(label, `the function ${text} is not allowed`)
  }
}
