import type { Predicate } from '../../query/relation.ts'
import { inRange } from '../../values/instant.ts'
import { literal } from './dialect.ts'

/** A column as it lies in a file: its SQL and DuckDB's type. */
export type RawColumn = { readonly sql: string; readonly type: string } | undefined

/**
 * A predicate on instants said of the file's own column, so that DuckDB can skip row groups by their statistics, which it
 * cannot behind the expression that reads the column. It is true at least where the predicate is; undefined where it cannot be said.
 */
export function rawPredicate(predicate: Predicate, column: (name: string) => RawColumn): string | undefined {
  if ('all' in predicate) {
    const all = predicate.all.map((p) => rawPredicate(p, column))
    if (predicate.op === 'or') return all.length === 0 || all.includes(undefined) ? undefined : `(${all.join(' OR ')})`
    const said = all.filter((p) => p !== undefined)
    return said.length === 0 ? undefined : `(${said.join(' AND ')})`
  }
  const raw = column(predicate.column)
  if (raw === undefined) return undefined
  if (predicate.op === 'is not null') return `${raw.sql} IS NOT NULL`
  if (
    !('value' in predicate) ||
    predicate.op === '<>' ||
    predicate.type !== 'timestamp' ||
    typeof predicate.value !== 'bigint'
  )
    return undefined
  return instantPredicate(raw, predicate.op, predicate.value)
}

function instantPredicate(
  raw: { sql: string; type: string },
  op: '<' | '<=' | '>' | '>=' | '=',
  us: bigint,
): string | undefined {
  if (!inRange(us)) return undefined
  switch (raw.type) {
    case 'TIMESTAMP':
      return `${raw.sql} ${op} ${literal('timestamp', us)}`
    case 'TIMESTAMP WITH TIME ZONE':
      return `${raw.sql} ${op} CAST(${literal('timestamp', us)} AS TIMESTAMP WITH TIME ZONE)`
    case 'TIMESTAMP_NS':
      return nanosecondPredicate(raw.sql, op, us)
    default:
      return undefined
  }
}

const nsLimit = 2n ** 63n

/** The microsecond `us` holds the nanoseconds [1000·us, 1000·us + 999]. */
function nanosecondPredicate(sql: string, op: '<' | '<=' | '>' | '>=' | '=', us: bigint): string | undefined {
  const first = us * 1000n
  const last = first + 999n
  if (first <= -nsLimit || last >= nsLimit) return undefined
  const ns = (n: bigint): string => `make_timestamp_ns(CAST(${n} AS BIGINT))`
  switch (op) {
    case '<':
      return `${sql} < ${ns(first)}`
    case '<=':
      return `${sql} <= ${ns(last)}`
    case '>':
      return `${sql} > ${ns(last)}`
    case '>=':
      return `${sql} >= ${ns(first)}`
    case '=':
      return `${sql} BETWEEN ${ns(first)} AND ${ns(last)}`
  }
}
