import { must } from '../../kernel/assert.ts'
import { type Call, checkCall } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { type SourceDef, noDefinitions } from '../../define/definition.ts'
import { createdColumn } from '../../define/resolved-view.ts'
import type { OfflineStore, SourceFacts } from '../../ports/offline.ts'
import { allInputs } from '../../query/leaves.ts'
import { sqlInputsOf } from '../../query/view-rows.ts'
import type { FileIdentity } from '../../values/file-identity.ts'
import { textCells } from '../../values/feature-type.ts'
import { postgresCan } from './can.ts'
import { sourceType } from './column-type.ts'
import { userQuery } from './leaf-tables.ts'
import { loadSource } from './load.ts'
import { loadedTable } from './loaded.ts'
import { type QueryEngine, leafContext, startQuery } from './query.ts'
import { openServers } from './servers.ts'
import { Session } from './session.ts'
import { columnsOf, estimatedRows, fromOf, tableName } from './table-facts.ts'

/** How the offline store is opened. */
export interface PostgresOfflineOptions {
  readonly url: string
  /** Urls of read replicas. */
  readonly replicas: readonly string[]
  /** An engine that reads and writes files where this process is: for spines, results and what is loaded. Closed by its owner, after this store. */
  readonly local: OfflineStore
}

/**
 * Opens the offline store in PostgreSQL: tables and queries are read in place, files as they were loaded, and the push log of the same
 * database. Queries read one instant; a replica answers where it has all that was committed before the call.
 */
export function openPostgresOffline({ url, replicas, local }: PostgresOfflineOptions): OfflineStore {
  const servers = openServers(url, replicas)
  const engine: QueryEngine = { servers, local }
  let closing: Promise<void> | undefined
  const enter = (call: Call | undefined): void => {
    if (closing !== undefined) throw fail('CLOSED', 'The offline store is closed')
    checkCall(call)
  }
  return Object.freeze({
    can: postgresCan,
    async describe(sources, all, call) {
      enter(call)
      const facts: SourceFacts[] = []
      for (const source of sources) facts.push(await describe(engine, source, all, call))
      return facts
    },
    async query(query, call) {
      enter(call)
      return startQuery(engine, query, call)
    },
    async load(source, use, call) {
      enter(call)
      return loadSource(engine, source, use, call)
    },
    [Symbol.asyncDispose]: async () => (closing ??= Promise.resolve(servers[Symbol.asyncDispose]())),
  } satisfies OfflineStore)
}

async function describe(
  engine: QueryEngine,
  source: SourceDef,
  all: ReadonlyMap<string, SourceDef>,
  call: Call | undefined,
): Promise<SourceFacts> {
  if (source.type === 'push' || source.type === 'kafka') return pushedFacts(source)
  // What was loaded or changed a moment ago is seen on the primary.
  await using session = await Session.open(engine.servers, call, true)
  const label = `source "${source.name}"`
  if (source.type === 'postgres') {
    const columns = await session.guard(columnsOf(session.client, fromOf(source), label))
    const rows =
      source.table === undefined ? null : await session.guard(estimatedRows(session.client, tableName(source.table)))
    return { columns: columns.map((column) => ({ name: column.name, type: sourceType(column) })), files: [], rows }
  }
  if (source.type === 'sql') return await describeSql({ session, local: engine.local }, source, all)
  const loaded = await session.guard(loadedTable(session.client, source))
  if (loaded === null) {
    // Not loaded yet: the files tell what columns there will be, where this process can see them.
    const [facts] = await engine.local.describe([source], all, call)
    return { columns: facts?.columns ?? [], files: [], rows: 0 }
  }
  return {
    columns: loaded.columns.map((column) => ({
      name: column.name,
      type: source.type === 'csv' ? textCells : sourceType(column),
    })),
    files: loaded.files.map(identityOf),
    rows: loaded.files.reduce((sum, { rows }) => sum + rows, 0),
  }
}

const identityOf = ({ path, sizeBytes, mtimeUs, inode }: FileIdentity): FileIdentity => ({
  path,
  sizeBytes,
  mtimeUs,
  inode,
})

function pushedFacts(source: Extract<SourceDef, { type: 'push' | 'kafka' }>): SourceFacts {
  const created = must(createdColumn(source), 'a push source has a created column')
  const columns = source.schema.filter((c) => c.name !== source.timestamp && c.name !== created)
  return {
    columns: [...columns, { name: source.timestamp, type: 'timestamp' }, { name: created, type: 'timestamp' }],
    files: [],
    rows: null,
  }
}

async function describeSql(
  { session, local }: { readonly session: Session; readonly local: OfflineStore },
  source: Extract<SourceDef, { type: 'sql' }>,
  all: ReadonlyMap<string, SourceDef>,
): Promise<SourceFacts> {
  const inputs = sqlInputsOf({ ...noDefinitions, sources: all }, source, {})
  const context = await leafContext(session, local)
  const label = `source "${source.name}"`
  const query = await session.guard(userQuery(context, source.sql, inputs, label))
  const columns = await session.guard(columnsOf(session.client, `(${query}) AS r`, label))
  const files = new Map<string, FileIdentity>()
  for (const { source: input } of allInputs(inputs)) {
    if (input.type !== 'parquet' && input.type !== 'csv') continue
    const loaded = await session.guard(loadedTable(session.client, input))
    for (const file of loaded?.files ?? []) files.set(file.path, identityOf(file))
  }
  const sorted = [...files.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1))
  return { columns: columns.map((c) => ({ name: c.name, type: sourceType(c) })), files: sorted, rows: null }
}
