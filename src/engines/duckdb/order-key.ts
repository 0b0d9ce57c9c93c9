import type { OrderTerm } from '../../query/dialect.ts'
import { comparable, literal, placeholderOf } from './dialect.ts'

/** A part of what rows are compared by, never null: SQL of it for a row, and a value above that of every row. */
export interface KeyField {
  readonly sql: string
  readonly above: string
}

/**
 * The terms of an order as fields that compare as they do. In a struct DuckDB takes a null for the greatest, and nulls for
 * unequal, so a term that may be null becomes two fields; but an instant that is missing is before all instants.
 */
export const keyFields = (terms: readonly OrderTerm[]): KeyField[] => terms.flatMap(fieldsOf)

function fieldsOf(term: OrderTerm): KeyField[] {
  if (term.type === 'timestamp')
    return [term.nullable ? instantField(term.sql) : { ...instantField(term.sql), sql: term.sql }]
  const sql = comparable(term.sql, term.type)
  const placeholder = placeholderOf(term.type)
  if (!term.nullable && term.type === 'int64') return [{ sql, above: literal('int64', 0x7fff_ffff_ffff_ffffn) }]
  return [
    { sql: `CASE WHEN ${term.sql} IS NULL THEN 0 ELSE 1 END`, above: '2' },
    { sql: `coalesce(${sql}, ${placeholder})`, above: placeholder },
  ]
}

/** An instant that may be null. Those of rows are never infinite. */
export const instantField = (sql: string): KeyField => ({
  sql: `coalesce(${sql}, TIMESTAMP '-infinity')`,
  above: "TIMESTAMP 'infinity'",
})

/** Fields compared in turn; one alone needs no struct, which costs a fifth. */
export const structOf = (fields: readonly string[]): string =>
  fields.length === 1 ? (fields[0] ?? '') : `{${fields.map((sql, i) => `'f${i}': ${sql}`).join(', ')}}`

/** The fields of such a struct. */
export const fieldsIn = (struct: string, fields: readonly unknown[]): string[] =>
  fields.length === 1 ? [struct] : fields.map((_, i) => `${struct}.f${i}`)

/** ORDER BY that puts the latest row first. */
export const latestFirst = (terms: readonly OrderTerm[]): string =>
  terms.length === 0 ? '' : `ORDER BY ${terms.map((t) => `${comparable(t.sql, t.type)} DESC NULLS LAST`).join(', ')}`
