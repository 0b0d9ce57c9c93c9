import type pg from 'pg'
import { fail } from '../../kernel/errors.ts'
import type { SourceDef } from '../../define/definition.ts'
import type { FileIdentity } from '../../values/file-identity.ts'
import { type FeatureType, isFeatureType } from '../../values/feature-type.ts'
import type { PostgresColumn } from './column-type.ts'
import { ident } from './dialect.ts'
import type { Column } from './kept-columns.ts'
import { columnsOf } from './table-facts.ts'

/** A file source as a table: each row knows which file it is of. */
export interface LoadedTable {
  readonly table: string
  /** Under the names that the files have, without those that are kept beside them. */
  readonly columns: readonly LoadedColumn[]
  /** A column as it is read as a type: one that is kept so, else the one of its name. */
  readonly column: (name: string, type: FeatureType) => LoadedColumn | undefined
  readonly files: readonly LoadedFile[]
}

/** The table's own names are short, whatever the files' are. */
export interface LoadedColumn extends PostgresColumn {
  readonly physical: string
  /** Its place among all columns. */
  readonly place: number
  /** Whether it is kept beside the one of its name. */
  readonly typed: boolean
}

/** A file that was loaded, as it was then. */
export interface LoadedFile extends FileIdentity {
  readonly number: number
  /** How many columns there were by then: in later ones it has nothing. */
  readonly width: number
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
  width int not null,
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
  const places = placesOf(text(row, 'columns'))
  const table = tableOf(number)
  const facts = await columnsOf(client, `${table} AS r`, `source "${source.name}"`)
  const all = places.flatMap(({ name, as }, place) => {
    const physical = `c${place}`
    const fact = facts.find((each) => each.name === physical)
    return fact === undefined ? [] : [{ as, column: { ...fact, name, physical, place, typed: as !== undefined } }]
  })
  const columns = all.flatMap(({ as, column }) => (as === undefined ? [column] : []))
  const files = await client.query<Row>(
    'select file, path, size, mtime, inode, width, rows from load_file where source = $1 order by path collate "C"',
    [number],
  )
  return {
    table,
    columns,
    column: (name, type) =>
      all.find(({ as, column }) => as === type && column.name === name)?.column ??
      columns.find((column) => column.name === name),
    files: files.rows.map((file) => ({
      number: integer(file, 'file'),
      path: text(file, 'path'),
      sizeBytes: Number(text(file, 'size')),
      mtimeUs: BigInt(text(file, 'mtime')),
      inode: BigInt(text(file, 'inode')),
      width: integer(file, 'width'),
      rows: Number(text(file, 'rows')),
    })),
  }
}

/** A column of the files, or one beside it that holds its values as another type. */
export interface Place {
  readonly name: string
  readonly as?: FeatureType
}

/** The columns of a table, by their place. @throws CORRUPT_STORE. */
export function placesOf(json: string): Place[] {
  const places: unknown = JSON.parse(json)
  if (!Array.isArray(places) || !places.every(isPlace))
    throw fail('CORRUPT_STORE', 'The columns of a loaded source are not what they should be')
  return places
}

function isPlace(value: unknown): value is Place {
  if (typeof value !== 'object' || value === null || !('name' in value)) return false
  return typeof value.name === 'string' && (!('as' in value) || isFeatureType(String(value.as)))
}

/** Where a column is among the places; −1 where it is not. */
export const placeIn = (places: readonly Place[], { name, type, typed }: Column): number =>
  places.findIndex((place) => place.name === name && place.as === (typed === true ? type : undefined))

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
