import { type ProvenderError, fail } from '../../kernel/errors.ts'
import { nearest } from '../../kernel/nearest.ts'
import { quote } from './dialect.ts'
import type { Session } from './session.ts'

/** Table functions that read nothing but their arguments. */
const tableFunctions: ReadonlySet<string> = new Set([
  'range',
  'generate_series',
  'unnest',
  'repeat',
  'repeat_row',
  'json_each',
  'json_tree',
])

/** Functions that see or touch more than their arguments, or only wait. */
const refusedFunctions: ReadonlySet<string> = new Set([
  'getenv',
  'getvariable',
  'current_setting',
  'current_query',
  'current_query_id',
  'current_connection_id',
  'current_transaction_id',
  'txid_current',
  'write_log',
  'sleep_ms',
  'pg_sleep',
  'setseed',
  'nextval',
  'currval',
  'current_schemas',
  'in_search_path',
  'version',
  // What these are given is bound and folded as SQL of its own, or read as the inside of a value.
  'json_serialize_plan',
  'finalize',
  'combine',
  'variant_bytes_to_variant',
  'stats',
  // Macros that read the catalog.
  'format_type',
  'get_block_size',
  'pg_get_constraintdef',
  'pg_get_viewdef',
])

/** Kinds of what may stand behind FROM. */
const tableKinds: ReadonlySet<string> = new Set([
  'BASE_TABLE',
  'SUBQUERY',
  'JOIN',
  'EMPTY',
  'EXPRESSION_LIST',
  'PIVOT',
  'TABLE_FUNCTION',
  'BOUND_TABLE_REF',
  'CTE',
])

type Node = Readonly<Record<string, unknown>>

/**
 * Checks user SQL by DuckDB's own parser: one SELECT over the named tables and its own CTEs, without functions that reach
 * beyond their arguments.
 * @param label Whose SQL it is, such as `source "hourly"`.
 * @returns its text, so that it can stand in parentheses.
 * @throws SQL_REFUSED.
 */
export async function checkSql(
  session: Session,
  sql: string,
  tables: ReadonlySet<string>,
  label: string,
): Promise<string> {
  // DuckDB would read up to there.
  if (sql.includes('\0')) throw refused(label, 'it holds a NUL character')
  const statement = await onlySelect(session, sql, label)
  check(statement, new Set([...tables].map((t) => t.toLowerCase())), { label, tables })
  const text = firstStatement(sql)
  const inner = subqueryOf(await onlySelect(session, `SELECT * FROM (\n${text}\n) AS t`, label))
  if (plain(inner) !== plain(statement)) throw refused(label, 'it is not one plain SELECT')
  return text
}

/** The error for SQL that is refused. */
export const refused = (label: string, why: string, cause?: unknown): ProvenderError =>
  fail('SQL_REFUSED', `The SQL of ${label} is refused: ${why}`, { cause })

async function onlySelect(session: Session, sql: string, label: string): Promise<Node> {
  const rows = await session.rows(`SELECT json_serialize_sql(CAST(${quote(sql)} AS VARCHAR))`)
  const parsed = JSON.parse(String(rows[0]?.[0])) as {
    error: boolean
    error_message?: string
    statements?: readonly Node[]
  }
  if (parsed.error)
    throw refused(
      label,
      parsed.error_message === 'Only SELECT statements can be serialized to json!'
        ? 'only SELECT is allowed'
        : (parsed.error_message ?? 'it cannot be parsed'),
    )
  const [statement, ...others] = parsed.statements ?? []
  if (statement === undefined) throw refused(label, 'it is empty')
  if (others.length > 0) throw refused(label, `it has ${others.length + 1} statements`)
  return statement
}

interface Scope {
  readonly label: string
  readonly tables: ReadonlySet<string>
}

/** Walks a parsed statement; `names` are the tables that can be named here, in lower case. */
function check(node: unknown, names: ReadonlySet<string>, scope: Scope): void {
  if (Array.isArray(node)) {
    for (const element of node) check(element, names, scope)
    return
  }
  if (typeof node !== 'object' || node === null) return
  const fields = node as Node
  const inner = checkCtes(fields, names, scope)
  if ('sample' in fields && typeof fields['type'] === 'string' && !('select_list' in fields))
    checkTable(fields, inner, scope)
  if (fields['class'] === 'FUNCTION' || fields['class'] === 'WINDOW') checkFunction(fields, scope)
  if (fields['class'] === 'PARAMETER') throw refused(scope.label, 'it has a parameter')
  for (const [name, value] of Object.entries(fields)) if (name !== 'cte_map') check(value, inner, scope)
}

/** A CTE sees those before it, and itself if it is recursive. */
function checkCtes(fields: Node, names: ReadonlySet<string>, scope: Scope): ReadonlySet<string> {
  const map = (fields['cte_map'] as { map?: readonly { key: string; value: Node }[] } | undefined)?.map ?? []
  if (map.length === 0) return names
  const inner = new Set(names)
  for (const { key, value } of map) {
    const query = (value['query'] as { node?: Node } | undefined)?.node
    check(value, query?.['type'] === 'RECURSIVE_CTE_NODE' ? new Set([...inner, key.toLowerCase()]) : inner, scope)
    inner.add(key.toLowerCase())
  }
  return inner
}

function checkTable(fields: Node, names: ReadonlySet<string>, scope: Scope): void {
  const type = String(fields['type'])
  if (type === 'BASE_TABLE') {
    const name = String(fields['table_name'])
    const qualified = [fields['catalog_name'], fields['schema_name'], name].filter((part) => part !== '').join('.')
    if (qualified === name && names.has(name.toLowerCase())) return
    const near = nearest(name, scope.tables)
    throw refused(
      scope.label,
      `"${qualified}" is not one of the sources that it may read${near === undefined ? '' : `; did you mean "${near}"?`}`,
    )
  }
  if (type === 'TABLE_FUNCTION') {
    const name = String((fields['function'] as Node | undefined)?.['function_name'])
    if (!tableFunctions.has(name.toLowerCase())) throw refused(scope.label, `the table function ${name} is not allowed`)
  } else if (!tableKinds.has(type)) {
    throw refused(scope.label, `${type} is not allowed`)
  }
}

function checkFunction(fields: Node, scope: Scope): void {
  const name = String(fields['function_name'])
  if (refusedFunctions.has(name.toLowerCase())) throw refused(scope.label, `the function ${name} is not allowed`)
}

/** The query of `SELECT * FROM (query) AS t`. */
function subqueryOf(statement: Node): unknown {
  const from = (statement['node'] as Node | undefined)?.['from_table'] as Node | undefined
  return from?.['subquery']
}

/** A parsed query as text, without the places where its parts stood. */
const plain = (node: unknown): string =>
  JSON.stringify(node, (key, value: unknown) =>
    key === 'query_location' || key === 'named_param_map' ? undefined : value,
  )

/** What begins a part of SQL in which a semicolon ends nothing, and what ends the part. */
const skips: readonly (readonly [RegExp, RegExp])[] = [
  [/'/y, /'/g],
  [/"/y, /"/g],
  [/--/y, /\n|$/g],
  [/\/\*/y, /\*\//g],
]

/** SQL up to its first semicolon, those before it left out. What this gets wrong, the parser notices. */
function firstStatement(sql: string): string {
  const text = sql.replace(/^[;\s]+/, '')
  for (let at = 0; at < text.length;) {
    const end = endOfPart(text, at)
    if (end === at && text[at] === ';') return text.slice(0, at)
    at = Math.max(end, at + 1)
  }
  return text
}

/** The end of a quoted text or comment that begins here; the same place where none does. */
function endOfPart(text: string, at: number): number {
  const dollar = /\$([A-Za-z_]*)\$/y
  dollar.lastIndex = at
  const tag = dollar.exec(text)?.[0]
  if (tag !== undefined) {
    const close = text.indexOf(tag, at + tag.length)
    return close === -1 ? text.length : close + tag.length
  }
  for (const [open, close] of skips) {
    open.lastIndex = at
    if (!open.test(text)) continue
    close.lastIndex = open.lastIndex
    return close.test(text) ? close.lastIndex : text.length
  }
  return at
}
