import type pg from 'pg'
import { fail } from '../../kernel/errors.ts'
import type { FileSourceDef, PostgresSourceDef, SourceDef } from '../../define/definition.ts'
import { createdColumn } from '../../define/resolved-view.ts'
import type { LogRows, Predicate, SourceRows, SqlInput, SqlRows, Take } from '../../query/relation.ts'
import { own } from '../../query/relation.ts'
import type { FileIdentity } from '../../values/file-identity.ts'
import { type FeatureType, ownType, readsAs } from '../../values/feature-type.ts'
import { type PostgresColumn, comparesAs, isOurs, readAs, sourceType } from './column-type.ts'
import { ident, typeName } from './dialect.ts'
import { type LoadedTable, loadedTable } from './loaded.ts'
import { logTable } from './log-leaf.ts'
import type { Shape } from './push-log.ts'
import { type Reach, columnsOf, fromOf, reachOf, tableName } from './table-facts.ts'
import { type SqlTable, withTables } from './user-sql.ts'

/** What leaves are looked up with: a connection that reads, one that may write where SQL is checked, and the shapes of pushed rows. */
export interface LeafContext {
  readonly client: pg.ClientBase
  /** Checks user SQL; it needs a server that takes writes. */
  readonly check: (sql: string, tables: readonly SqlTable[], label: string) => Promise<void>
  readonly shapes: ReadonlyMap<number, Shape>
  /** The columns that a file source will have once it is loaded. */
  readonly unloaded: (
    source: FileSourceDef,
  ) => Promise<readonly { readonly name: string; readonly type: FeatureType }[]>
}

/** A query that is computed once, and the table that its rows are then in. */
export interface KeptQuery {
  readonly query: string
  readonly table: string
}

/** A leaf as a table. */
export interface LeafTable {
  readonly rows: (narrow: readonly Predicate[]) => string | null
  /** How rows are found by these of its columns and their event times. */
  readonly reach: (keys: readonly string[]) => Promise<Reach>
}

const scanned = async (): Promise<Reach> => ({ seeks: false, single: false })
const nothing = async (): Promise<Reach> => ({ seeks: true, single: true })

/**
 * Looks a leaf up. `exact`: columns have the very types they are read as; else a column that compares as that type stays as it is, so
 * that an index on it serves. `kept`: where the rows of a query are that several leaves read.
 * @throws SOURCE_UNREADABLE, MISSING_COLUMN, TYPE_MISMATCH, SOURCE_CHANGED, SQL_REFUSED, UNSUPPORTED.
 */
export async function leafTable(
  context: LeafContext,
  leaf: SourceRows | SqlRows | LogRows,
  { exact = false, kept }: { readonly exact?: boolean; readonly kept?: KeptQuery | undefined } = {},
): Promise<LeafTable> {
  if (leaf.kind === 'log') {
    const has = logTable(leaf, context.shapes, []) !== null
    return { rows: (narrow) => logTable(leaf, context.shapes, narrow), reach: has ? scanned : nothing }
  }
  const label = `source "${leaf.source.name}"`
  if (leaf.kind === 'sql') {
    const query = `(${kept?.query ?? (await sqlQuery(context, leaf))}) AS r`
    const { text } = selecting(leaf.take, among(await columnsOf(context.client, query, label)), {
      timestamp: leaf.source.timestamp,
      from: kept === undefined ? query : `${ident(kept.table)} AS r`,
      where: [],
      label,
      exact,
    })
    return { rows: () => text, reach: scanned }
  }
  if (leaf.source.type === 'postgres') return foreignLeaf(context, leaf, { source: leaf.source, exact })
  const loaded = await loadedTable(context.client, leaf.source)
  if (loaded === null) {
    if ((leaf.files ?? []).length > 0) throw changed(leaf.source)
    return { rows: () => null, reach: nothing }
  }
  const where = leaf.files === undefined ? [] : [filesCondition(loaded, leaf.files, leaf.source)]
  checkCells(loaded, leaf.take, leaf.source)
  const { text, asTheyAre } = selecting(leaf.take, loaded, {
    timestamp: leaf.source.timestamp,
    from: `${loaded.table} AS r`,
    where,
    label,
    exact,
    ours: true,
  })
  if (loaded.files.length === 0) return { rows: () => null, reach: nothing }
  return { rows: () => text, reach: (keys) => reachBy(context.client, { table: loaded.table, asTheyAre }, keys) }
}

/** A query for the rows of a `sql` source, checked. */
export const sqlQuery = (context: LeafContext, { source, inputs }: SqlRows): Promise<string> =>
  userQuery(context, source.type === 'sql' ? source.sql : '', inputs, `source "${source.name}"`)

async function foreignLeaf(
  context: LeafContext,
  leaf: SourceRows,
  { source, exact }: { readonly source: PostgresSourceDef; readonly exact: boolean },
): Promise<LeafTable> {
  const label = `source "${source.name}"`
  const from = fromOf(source)
  const { text, asTheyAre } = selecting(leaf.take, among(await columnsOf(context.client, from, label)), {
    timestamp: leaf.source.timestamp,
    from,
    where: [],
    label,
    exact,
  })
  const { table } = source
  if (table === undefined) return { rows: () => text, reach: scanned }
  return {
    rows: () => text,
    reach: (keys) => reachBy(context.client, { table: tableName(table), asTheyAre }, keys),
  }
}

async function reachBy(
  client: pg.ClientBase,
  { table, asTheyAre }: { readonly table: string } & Pick<Selecting, 'asTheyAre'>,
  keys: readonly string[],
): Promise<Reach> {
  const columns = keys.flatMap((key) => asTheyAre.get(key) ?? [])
  const event = asTheyAre.get(own.event)
  if (event === undefined || columns.length < keys.length) return scanned()
  return reachOf(client, table, { keys: columns, event })
}

interface Selected {
  /** The column of the event time, which stays as it is under any name. */
  readonly timestamp: string
  readonly from: string
  readonly where: readonly string[]
  readonly label: string
  readonly exact: boolean
  /** Whether Provender wrote the rows: then all instants are ours, and an index has them in the order that is asked for. */
  readonly ours?: boolean
}

type FoundColumn = PostgresColumn & { readonly physical?: string }

/** Columns that may be taken. */
interface Found {
  readonly columns: readonly FoundColumn[]
  /** The one to take for a name and a type. */
  readonly column: (name: string, type: FeatureType) => FoundColumn | undefined
}

const among = (columns: readonly PostgresColumn[]): Found => ({
  columns,
  column: (name) => columns.find((each) => each.name === name),
})

/** A query, and the columns of the table that it takes as they are, by the names that it gives them. */
interface Selecting {
  readonly text: string
  readonly asTheyAre: ReadonlyMap<string, string>
}

/** A query that takes columns from what stands behind FROM. */
function selecting(
  take: readonly Take[],
  found: Found,
  { timestamp, from, where, label, exact, ours = false }: Selected,
): Selecting {
  const conditions = [...where]
  const asTheyAre = new Map<string, string>()
  const selected = take.map(({ column: name, as, type }) => {
    const column = found.column(name, type)
    if (column === undefined)
      throw fail(
        'MISSING_COLUMN',
        `The ${label} has no column "${name}"; it has ${found.columns.map((c) => c.name).join(', ')}`,
      )
    const isEvent = as === own.event || (name === timestamp && type === 'timestamp')
    const raw = `r.${ident(column.physical ?? name)}`
    const read = readAs(raw, column, type, { label, bare: isEvent || ours })
    const sql = !exact && comparesAs(column, type, isEvent || ours) ? raw : read
    if (sql === raw) asTheyAre.set(as, column.physical ?? name)
    if (isEvent && !ours) conditions.push(`(${sql} IS NULL OR ${isOurs(sql)})`)
    return `${sql} AS ${ident(as)}`
  })
  const columnsText = selected.length === 0 ? '1 AS one' : selected.join(', ')
  const text = `SELECT ${columnsText} FROM ${from}${conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`}`
  return { text, asTheyAre }
}

const changed = (source: SourceDef, what = `A file of source "${source.name}" is not loaded as it was listed`): Error =>
  fail('SOURCE_CHANGED', what, { remedy: `Run provender load ${source.name}, then try again.` })

/** Text cells are read as another type where they were loaded so: by definitions that knew of it. */
function checkCells(loaded: LoadedTable, take: readonly Take[], source: SourceDef): void {
  if (source.type !== 'csv') return
  for (const { column: name, type } of take) {
    const column = loaded.column(name, type)
    if (column === undefined) continue
    const isThere = !column.typed || loaded.files.every(({ width }) => width > column.place)
    if (!isThere || !readsAs(sourceType(column), type))
      throw changed(source, `The column "${name}" of source "${source.name}" is not loaded as ${type}`)
  }
}

function filesCondition(loaded: LoadedTable, files: readonly FileIdentity[], source: SourceDef): string {
  const numbers = files.map((file) => {
    const found = loaded.files.find((each) => each.path === file.path)
    if (
      found === undefined ||
      found.sizeBytes !== file.sizeBytes ||
      found.mtimeUs !== file.mtimeUs ||
      found.inode !== file.inode
    )
      throw changed(source)
    return found.number
  })
  return numbers.length === 0 ? 'false' : `r._file IN (${numbers.join(', ')})`
}

/** A query for user SQL over its inputs, checked. */
export async function userQuery(
  context: LeafContext,
  sql: string,
  inputs: readonly SqlInput[],
  label: string,
): Promise<string> {
  const text = sql.trim().replace(/;+$/, '')
  const tables: SqlTable[] = []
  // One after another: they share one connection, and what is checked on it stands between two savepoints of one name.
  for (const input of inputs) tables.push({ name: input.source.name, query: await inputTable(context, input) })
  await context.check(text, tables, label)
  return withTables(text, tables)
}

/** A source as user SQL sees it: all of its own columns, rows in place and pushed. */
async function inputTable(context: LeafContext, input: SqlInput): Promise<string> {
  const { source } = input
  const label = `source "${source.name}"`
  const columns = await ownColumns(context, input)
  const take: Take[] = columns.map(({ name, type }) => ({ column: name, as: name, type }))
  const pushed = pushedInput(context, input, take)
  if (source.type === 'push' || source.type === 'kafka') return pushed ?? empty(take)
  const leaf: SourceRows | SqlRows =
    source.type === 'sql'
      ? { kind: 'sql', source, take, inputs: input.inputs ?? [] }
      : { kind: 'source', source, take, ...(input.files === undefined ? {} : { files: ownFiles(input) }) }
  const rows = (await leafTable(context, leaf, { exact: true })).rows([])
  const parts = [rows, pushed].filter((part) => part !== null)
  if (parts.length === 0 && take.length === 0)
    throw fail('SOURCE_UNREADABLE', `The ${label} has no files and so no columns`)
  return parts.length === 0 ? empty(take) : parts.join(' UNION ALL ')
}

/** Files of an input may be of other inputs too; which are its own, its path tells. */
const ownFiles = (input: SqlInput): readonly FileIdentity[] => input.files ?? []

const empty = (take: readonly Take[]): string =>
  `SELECT ${take.map(({ as, type }) => `NULL::${typeName(type)} AS ${ident(as)}`).join(', ')} WHERE false`

function pushedInput(context: LeafContext, { source, before }: SqlInput, take: readonly Take[]): string | null {
  const created = createdColumn(source)
  const leaf: LogRows = {
    kind: 'log',
    target: { kind: 'source', name: source.name },
    take: take.filter(({ as }) => as !== source.timestamp && as !== created),
    to: ['both', 'offline'],
    ...(before === undefined ? {} : { before }),
  }
  const table = logTable(leaf, context.shapes, [])
  if (table === null) return null
  const columns = take.map(({ as }) => {
    if (as === source.timestamp) return `l.${own.event} AS ${ident(as)}`
    return as === created ? `l.${own.created} AS ${ident(as)}` : `l.${ident(as)} AS ${ident(as)}`
  })
  return `SELECT ${columns.join(', ')} FROM (${table}) AS l WHERE NOT l.${own.tombstone}`
}

/** The columns of an input that are of our types; others user SQL does not see. */
async function ownColumns(
  context: LeafContext,
  { source, inputs = [] }: SqlInput,
): Promise<{ name: string; type: FeatureType }[]> {
  const label = `source "${source.name}"`
  if (source.type === 'push' || source.type === 'kafka') {
    const created = createdColumn(source)
    const rest = source.schema.filter(({ name }) => name !== source.timestamp && name !== created)
    return [
      ...rest,
      ...[source.timestamp, created].flatMap((name) => (name === null ? [] : [{ name, type: 'timestamp' as const }])),
    ]
  }
  const columns =
    source.type === 'postgres'
      ? await columnsOf(context.client, fromOf(source), label)
      : source.type === 'sql'
        ? await columnsOf(context.client, `(${await userQuery(context, source.sql, inputs, label)}) AS r`, label)
        : (await loadedTable(context.client, source))?.columns
  if (columns === undefined) return [...(await context.unloaded(source as FileSourceDef))]
  return columns.flatMap((column) => {
    const type = ownType(sourceType(column))
    return type === undefined ? [] : [{ name: column.name, type }]
  })
}
