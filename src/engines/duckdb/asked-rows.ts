import { type Leaves, predicateText } from '../../query/block.ts'
import { compile } from '../../query/compile.ts'
import { type Predicate, type Relation, type SqlRows, fieldsOf } from '../../query/relation.ts'
import { ident } from './dialect.ts'
import { duckdbDialect } from './plan-dialect.ts'
import type { Leaf } from '../../query/leaves.ts'

/** What each leaf of a plan is asked for, at every place where it stands: a row for which none of it is true is read by nobody. */
export function askedOf(plan: Relation, input: Leaves['input']): ReadonlyMap<Leaf, readonly (readonly Predicate[])[]> {
  const asked = new Map<Leaf, (readonly Predicate[])[]>()
  compile(plan, duckdbDialect, {
    rows: (leaf, narrow) => {
      asked.set(leaf, [...(asked.get(leaf) ?? []), narrow])
      return 'SELECT 1'
    },
    input,
  })
  return asked
}

/**
 * The rows of a query that are asked for. A query that is kept is computed as a whole before anything is read of it, and DuckDB
 * cannot see what will be: an hour of a view over three months of flights took 2.2 s instead of 0.1 s.
 */
export function onlyAsked(leaf: SqlRows, table: string, asks: readonly (readonly Predicate[])[]): string {
  if (asks.length === 0 || asks.some((narrow) => narrow.length === 0)) return table
  const columns = fieldsOf(leaf).map((field) => ({ ...field, sql: `t.${ident(field.name)}` }))
  const any: Predicate = { op: 'or', all: asks.map((all) => ({ op: 'and', all })) }
  return `SELECT * FROM (${table}) AS t WHERE ${predicateText(any, { columns, from: '', where: [], order: [] }, duckdbDialect)}`
}
