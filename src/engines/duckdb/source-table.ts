import { fail } from '../../kernel/errors.ts'
import { nearest } from '../../kernel/nearest.ts'
import type { FileSourceDef } from '../../define/definition.ts'
import type { Predicate, Take } from '../../query/relation.ts'
import { type FileIdentity, partitionOf, partitionRemedy } from '../../values/file-identity.ts'
import { textCells } from '../../values/feature-type.ts'
import { readAs, sourceType } from './column-type.ts'
import { ident, literal } from './dialect.ts'
import { type FileSchema, csvTable, parquetTable } from './file-schema.ts'
import { rawPredicate } from './narrow.ts'
import { cellAs } from './text-cell.ts'

/** Files of a source that are read alike. */
export interface FileGroup {
  readonly files: readonly FileIdentity[]
  readonly schema: FileSchema
}

/** Groups files by their schema, in order. */
export function groupFiles(files: readonly FileIdentity[], schemas: readonly FileSchema[]): FileGroup[] {
  const groups = new Map<string, { files: FileIdentity[]; schema: FileSchema }>()
  for (const [i, file] of files.entries()) {
    const schema = schemas[i]
    if (schema === undefined) continue
    const group = groups.get(schema.signature)
    if (group === undefined) groups.set(schema.signature, { files: [file], schema })
    else group.files.push(file)
  }
  return [...groups.values()]
}

/**
 * A query for what is taken from a source's files, in its types; null where there are no files. A column that some files
 * lack is null in their rows. `narrow` speaks of the taken names.
 * @throws MISSING_COLUMN, TYPE_MISMATCH naming the file, the column and both types.
 */
export function sourceTable(
  source: FileSourceDef,
  take: readonly Take[],
  groups: readonly FileGroup[],
  narrow: readonly Predicate[],
): string | null {
  if (groups.length === 0) return null
  for (const t of take) checkPresent(source, t.column, groups)
  return groups.map((group) => groupTable(source, take, group, narrow)).join(' UNION ALL ')
}

function checkPresent(source: FileSourceDef, column: string, groups: readonly FileGroup[]): void {
  const [first] = groups
  if (first === undefined || groups.some((g) => g.schema.columns.some((c) => c.name === column))) return
  const names = groups.flatMap((g) => g.schema.columns.map((c) => c.name))
  const near = nearest(column, names)
  const folder = partitionOf(
    groups.flatMap((g) => g.files),
    column,
  )
  const remedy =
    folder !== undefined ? partitionRemedy(folder) : near === undefined ? undefined : `Did you mean "${near}"?`
  throw fail('MISSING_COLUMN', `Source "${source.name}" has no column "${column}" (${first.files[0]?.path ?? ''})`, {
    remedy,
  })
}

function groupTable(
  source: FileSourceDef,
  take: readonly Take[],
  group: FileGroup,
  narrow: readonly Predicate[],
): string {
  const columns = take.map((t) => `${columnOf(source, t, group)} AS ${ident(t.as)}`)
  const where =
    source.type === 'csv' ? [] : narrow.flatMap((p) => rawPredicate(p, (name) => rawColumn(take, group, name)) ?? [])
  return `SELECT ${columns.length === 0 ? '1 AS one' : columns.join(', ')} FROM ${tableOf(source, group)}${where.length === 0 ? '' : ` WHERE ${where.join(' AND ')}`}`
}

/** The table of a group of files, with their own columns, as `f`. */
export function tableOf(source: FileSourceDef, group: FileGroup): string {
  const paths = group.files.map((f) => f.path)
  return source.type === 'csv' ? csvTable(paths, group.schema.columns.length) : parquetTable(paths)
}

function columnOf(source: FileSourceDef, take: Take, group: FileGroup): string {
  const index = group.schema.columns.findIndex((c) => c.name === take.column)
  const column = group.schema.columns[index]
  if (column === undefined) return literal(take.type, null)
  const origin = { source: `source "${source.name}"`, column: take.column }
  if (column.type === textCells) return cellAs(`f.${ident(`c${index}`)}`, take.type, origin)
  const sql = readAs(`f.${ident(take.column)}`, column.type, take.type, origin)
  if (sql === undefined) {
    throw fail(
      'TYPE_MISMATCH',
      `Column "${take.column}" of source "${source.name}" is ${sourceType(column.type)} in ${group.files[0]?.path ?? ''}, declared ${take.type}`,
    )
  }
  return sql
}

function rawColumn(take: readonly Take[], group: FileGroup, name: string): { sql: string; type: string } | undefined {
  const column = group.schema.columns.find((c) => c.name === take.find((t) => t.as === name)?.column)
  return column === undefined ? undefined : { sql: `f.${ident(column.name)}`, type: column.type }
}
