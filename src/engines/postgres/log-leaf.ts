import type { Predicate, LogRows, LogTarget } from '../../query/relation.ts'
import { own } from '../../query/relation.ts'
import { takes } from '../../decide/source-row.ts'
import type { FeatureType } from '../../values/feature-type.ts'
import { tombstoneTie } from '../../values/order.ts'
import { ident, quote, typeName } from './dialect.ts'
import type { Shape } from './push-log.ts'

/** An instant kept as microseconds. Seconds and the rest are added apart: products with an interval are doubles. */
const instant = (us: string): string =>
  `(timestamptz 'epoch' + (${us} / 1000000) * interval '1 second' + (${us} % 1000000) * interval '1 microsecond')`

/** A query for the rows of a leaf, with its columns; null where no row was ever pushed to the target. */
export function logTable(
  leaf: LogRows,
  shapes: ReadonlyMap<number, Shape>,
  narrow: readonly Predicate[],
): string | null {
  const parts = [...shapes].filter(([, { target }]) => sameTarget(target, leaf.target))
  if (parts.length === 0) return null
  return parts.map(([number, shape]) => partOf(leaf, number, shape, narrow)).join(' UNION ALL ')
}

const sameTarget = (a: LogTarget, b: LogTarget): boolean => a.kind === b.kind && a.name === b.name

function partOf(leaf: LogRows, number: number, shape: Shape, narrow: readonly Predicate[]): string {
  const columns = [
    ...leaf.take.map((take) => `${taken(shape, take.column, take.type)} AS ${ident(take.as)}`),
    `${instant('r.event')} AS ${own.event}`,
    `${instant('r.created')} AS ${own.created}`,
    `r.tie AS ${own.tie}`,
    `r.position AS ${own.position}`,
    `(r.tie = ${tombstoneTie}) AS ${own.tombstone}`,
  ]
  const where = [
    `r.shape = ${number}`,
    `r."to" IN (${leaf.to.map(quote).join(', ')})`,
    ...(leaf.from === undefined ? [] : [`r.position >= ${leaf.from}`]),
    ...(leaf.before === undefined ? [] : [`r.position < ${leaf.before}`]),
    ...narrow.flatMap(eventCondition),
  ]
  return `SELECT ${columns.join(', ')} FROM push_row AS r WHERE ${where.join(' AND ')}`
}

/** Conditions on the event time, which is indexed as it is kept. */
function eventCondition(predicate: Predicate): string[] {
  if (!('value' in predicate) || predicate.column !== own.event) return []
  return [`r.event ${predicate.op} ${String(predicate.value)}::bigint`]
}

/** The column of that name whose values can be read as the type; null where the rows have none. */
function taken({ columns }: Shape, name: string, type: FeatureType): string {
  const at = columns.findIndex((column) => column.name === name && takes(column.type, type))
  const column = columns[at]
  if (column === undefined) return `NULL::${typeName(type)}`
  const value = `r.vals[${at + 1}]`
  if (type === 'timestamp') return instant(`(${value})::bigint`)
  if (type === 'list<timestamp>')
    return `CASE WHEN ${value} IS NOT NULL THEN ARRAY(SELECT ${instant('_x')} FROM unnest((${value})::bigint[]) WITH ORDINALITY AS _u (_x, _n) ORDER BY _n) END`
  // By way of its own type: the text of a float32 is not that of the float64 that it is.
  return column.type === type
    ? `(${value})::${typeName(type)}`
    : `(${value})::${typeName(column.type)}::${typeName(type)}`
}
