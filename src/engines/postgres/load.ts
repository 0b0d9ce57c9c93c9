import type pg from 'pg'
import { must } from '../../kernel/assert.ts'
import { type Call, checkCall } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import type { FileSourceDef, SourceDef } from '../../define/definition.ts'
import type { LoadedRows, SourceUse } from '../../ports/offline.ts'
import type { SourceRows } from '../../query/relation.ts'
import { type FileIdentity, sameFile } from '../../values/file-identity.ts'
import { copyIn } from './copy-in.ts'
import { ident, typeName } from './dialect.ts'
import { type Column, keptColumns, typedColumns } from './kept-columns.ts'
import { type LoadedFile, type Place, createLoadTables, loadedTable, placeIn, placesOf, tableOf } from './loaded.ts'
import { schemaLock } from './log-tables.ts'
import type { QueryEngine } from './query.ts'
import { withConnection } from './statement.ts'

/**
 * Copies the files of a source into a table, each whole or not at all: what is unchanged is left, what changed is replaced as one, what
 * vanished goes. Columns that views join it by get indexes; cells that they read as other types than text are kept as these too.
 * @throws as the local engine for files; STORE_FULL; STORE_UNREACHABLE. Files that were loaded before the failure stay.
 */
export async function loadSource(
  engine: QueryEngine,
  source: SourceDef,
  use: SourceUse,
  call: Call | undefined,
): Promise<LoadedRows | null> {
  if (source.type !== 'parquet' && source.type !== 'csv') return null
  const [facts] = await engine.local.describe([source], new Map([[source.name, source]]), call)
  const { columns: described = [], files = [] } = facts ?? {}
  const kept = keptColumns(source, described)
  const columns = [...kept, ...typedColumns(source, kept, use.columns)]
  const { primary } = engine.servers
  const { number, width } = await withConnection(primary, call, (client) => prepare(client, source, columns))
  const before = await withConnection(primary, call, async (client) =>
    must(await loadedTable(client, source), 'the table is made'),
  )
  const gone = before.files.filter((old) => !files.some((file) => file.path === old.path))
  for (const { path } of gone)
    await withConnection(primary, call, (client) => inTransaction(client, () => forget(client, number, path)))
  let rows = 0
  let skipped = 0
  for (const file of files) {
    checkCall(call)
    const old = before.files.find((each) => each.path === file.path)
    if (old !== undefined && isLoaded(old, { file, width })) skipped += old.rows
    else
      rows += await withConnection(primary, call, (client) =>
        loadFile(engine, client, { source, number, width, columns, file }, call),
      )
  }
  if (rows > 0 || gone.length > 0)
    await withConnection(primary, call, (client) => client.query(`analyze ${tableOf(number)}`))
  await withConnection(primary, call, (client) => index(client, source, { number, use }))
  return { rows, skipped }
}

/** A file without the typed columns is loaded again. Others that came later it does not have anyway. */
const isLoaded = (old: LoadedFile, { file, width }: { readonly file: FileIdentity; readonly width: number }): boolean =>
  sameFile(old, file) && old.width >= width

async function inTransaction<T>(client: pg.ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query('begin')
  const result = await work()
  await client.query('commit')
  return result
}

/** Makes the table of a source, and the columns that it lacks. `width`: the columns up to the last typed one. */
async function prepare(
  client: pg.ClientBase,
  source: FileSourceDef,
  columns: readonly Column[],
): Promise<{ readonly number: number; readonly width: number }> {
  return inTransaction(client, async () => {
    await client.query(schemaLock)
    await client.query(createLoadTables)
    await client.query('insert into load_source (type, path) values ($1, $2) on conflict do nothing', [
      source.type,
      source.path,
    ])
    const { rows } = await client.query<{ source: unknown; columns: unknown }>(
      'select source, columns from load_source where type = $1 and path = $2 for update',
      [source.type, source.path],
    )
    const [row] = rows
    if (typeof row?.source !== 'number' || typeof row.columns !== 'string')
      throw fail('CORRUPT_STORE', `The source "${source.name}" has no place in PostgreSQL`)
    const places = placesOf(row.columns)
    const table = tableOf(row.source)
    await client.query(`create table if not exists ${table} (_file int not null)`)
    for (const column of columns) {
      if (placeIn(places, column) !== -1) continue
      await client.query(`alter table ${table} add column ${ident(`c${places.length}`)} ${typeName(column.type)}`)
      places.push({ name: column.name, ...(column.typed === true ? { as: column.type } : {}) })
    }
    await client.query('update load_source set columns = $2 where source = $1', [row.source, JSON.stringify(places)])
    const typed = columns.filter((column) => column.typed === true)
    return { number: row.source, width: Math.max(0, ...typed.map((column) => placeIn(places, column) + 1)) }
  })
}

async function forget(client: pg.ClientBase, number: number, path: string): Promise<void> {
  const { rows } = await client.query<{ file: unknown }>(
    'delete from load_file where source = $1 and path = $2 returning file',
    [number, path],
  )
  for (const { file } of rows) await client.query(`delete from ${tableOf(number)} where _file = $1`, [file])
}

/** Beside the number of a source and a path: what is locked while a file is loaded. */
const loadLock = 1886547816

interface Loading {
  readonly source: FileSourceDef
  readonly number: number
  readonly width: number
  readonly columns: readonly Column[]
  readonly file: FileIdentity
}

async function loadFile(
  engine: QueryEngine,
  client: pg.ClientBase,
  { source, number, width, columns, file }: Loading,
  call: Call | undefined,
): Promise<number> {
  return inTransaction(client, async () => {
    // Two who load the same file take turns, however long that takes; the second finds it done.
    await client.query('set local lock_timeout = 0')
    await client.query('select pg_advisory_xact_lock($1, hashtext($2))', [loadLock, `${number} ${file.path}`])
    const now = await loadedTable(client, source)
    if (now?.files.some((each) => isLoaded(each, { file, width })) === true) return 0
    await forget(client, number, file.path)
    const { rows: made } = await client.query<{ file: unknown }>(`select nextval('load_file_number')::int as file`)
    const id = made[0]?.file
    if (typeof id !== 'number') throw fail('CORRUPT_STORE', 'PostgreSQL gave a file no number')
    const take = columns.map(({ name, type }, i) => ({ column: name, as: `c${i}`, type }))
    const plan: SourceRows = { kind: 'source', source, take, files: [file] }
    await using result = await engine.local.query({ plan }, call)
    const places = await placesNow(client, number)
    const physical = columns.map((column) => ident(`c${placeIn(places, column)}`))
    let count = 0
    const numbered = async function* () {
      for await (const batch of result.batches()) {
        checkCall(call)
        yield { rows: batch.rows, columns: [new Int32Array(batch.rows).fill(id), ...batch.columns] }
        count += batch.rows
      }
    }
    const into = `${tableOf(number)} (_file, ${physical.join(', ')})`
    await copyIn(client, { into, types: ['int32', ...columns.map(({ type }) => type)] }, numbered())
    await client.query(
      'insert into load_file (source, file, path, size, mtime, inode, width, rows) values ($1, $2, $3, $4, $5, $6, $7, $8)',
      [number, id, file.path, file.sizeBytes, file.mtimeUs, file.inode, places.length, count],
    )
    return count
  })
}

async function placesNow(client: pg.ClientBase, number: number): Promise<Place[]> {
  const { rows } = await client.query<{ columns: unknown }>('select columns from load_source where source = $1', [
    number,
  ])
  return placesOf(String(rows[0]?.columns))
}

/** Indexes by which an as-of join finds the latest row of a key. Two who make the same one take turns. */
async function index(
  client: pg.ClientBase,
  source: FileSourceDef,
  { number, use }: { readonly number: number; readonly use: SourceUse },
): Promise<void> {
  await inTransaction(client, async () => {
    await client.query(schemaLock)
    const places = await placesNow(client, number)
    const own = (name: string): number => placeIn(places, { name, type: 'string' })
    const make = async (name: string, columns: readonly string[]): Promise<unknown> =>
      client.query(`create index if not exists ${ident(name)} on ${tableOf(number)} (${columns.join(', ')})`)
    const time = own(source.timestamp)
    if (time === -1) return
    await make(`load_${number}_by_time`, [ident(`c${time}`)])
    const created = source.created === undefined ? -1 : own(source.created)
    for (const keys of use.keys) {
      const by = keys.map(({ column, type }) => {
        const typed = placeIn(places, { name: column, type, typed: true })
        return typed === -1 ? own(column) : typed
      })
      if (by.includes(-1)) continue
      const latest = created === -1 ? [] : [`${ident(`c${created}`)} desc nulls last`]
      await make(`load_${number}_by_${by.join('_')}`, [
        ...by.map((place) => ident(`c${place}`)),
        `${ident(`c${time}`)} desc`,
        ...latest,
      ])
    }
  })
}
