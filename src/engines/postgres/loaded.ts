import type pg from 'pg'
import { fail } from '../../kernel/errors.ts'
import type { SourceDef } from '../../define/definition.ts'
import type { FileIdentity } from '../../values/file-identity.ts'
import type { PostgresColumn } from './column-type.ts'
import { ident } from './dialect.ts'
import { columnsOf } from './table-facts.ts'

/** A file source as a table: each row knows which file it is of. */
export interface LoadedTable {
  readonly table: string
  /** Under the names that the files have; the table's own names are short, whatever those are. */
  readonly columns: readonly (PostgresColumn & { readonly physical: string })[]
  readonly physical: ReadonlyMap<string, string>
  readonly files: readonly LoadedFile[]
}

/** A file that was loaded, as it was then. */
export interface LoadedFile extends FileIdentity {
  readonly number: number
  readonly rows: number
}

/** What tells which files are in which table. */
export const createLoadTables = `
create table if not exists load_source (
  source int generated always as identity primary key,
  type text not null,
  path text not null,
  columns text not null default '[]',
  unique (type, path)
);
create table if not exists load_file (
  source int not null,
  file int not null,
  path text not null,
  size bigint not null,
  mtime bigint not null,
  inode bigint not null,
  rows bigint not null,
  primary key (source, path)
);
create sequence if not exists load_file_number;
`

/** The table of a source's number. */
export const tableOf = (source: number): string => ident(`load_${source}`)

type Row = Readonly<Record<string, unknown>>

/** What is loaded of a file source; null where nothing ever was. */
export async function loadedTable(client: pg.ClientBase, source: SourceDef): Promise<LoadedTable | null> {
  if (source.type !== 'parquet' && source.type !== 'csv')
    throw fail('UNSUPPORTED', `PostgreSQL has no rows of the ${source.type} source "${source.name}"`)
  const there = await client.query<Row>(`select to_regclass('load_source')::text as name`)
  if (there.rows[0]?.['name'] === null) return null
  const found = await client.query<Row>('select source, columns from load_source where type = $1 and path = $2', [
    source.type,
    source.path,
  ])
  const [row] = found.rows
  if (row === undefined) return null
  const number = integer(row, 'source')
  const names = namesOf(text(row, 'columns'))
  const table = tableOf(number)
  const facts = await columnsOf(client, `${table} AS r`, `source "${source.name}"`)
  const columns = names.flatMap((name, i) => {
    const physical = `c${i}`
    const fact = facts.find((each) => each.name === physical)
    return fact === undefined ? [] : [{ ...fact, name, physical }]
  })
  const files = await client.query<Row>(
    'select file, path, size, mtime, inode, rows from load_file where source = $1 order by path collate "C"',
    [number],
  )
  return {
    table,
    columns,
    physical: new Map(columns.map((column) => [column.name, column.physical])),
    files: files.rows.map((file) => ({
      number: integer(file, 'file'),
      path: text(file, 'path'),
      sizeBytes: Number(text(file, 'size')),
      mtimeUs: BigInt(text(file, 'mtime')),
      inode: BigInt(text(file, 'inode')),
      rows: Number(text(file, 'rows')),
    })),
  }
}

/** The names of a table's columns, by their place. @throws CORRUPT_STORE. */
export function namesOf(json: string): string[] {
  const names: unknown = JSON.parse(json)
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string'))
    throw fail('CORRUPT_STORE', 'The columns of a loaded source are no list of names')
  return names
}

function text(row: Row, name: string): string {
  const value = row[name]
  if (typeof value !== 'string') throw fail('CORRUPT_STORE', `What was loaded has no ${name} where it should`)
  return value
}

function integer(row: Row, name: string): number {
  const value = row[name]
  if (typeof value !== 'number') throw fail('CORRUPT_STORE', `What was loaded has no ${name} where it should`)
  return value
}
