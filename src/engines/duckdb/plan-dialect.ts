import type { Dialect } from '../../query/dialect.ts'
import { asOfSteps } from './as-of.ts'
import { comparable, ident, literal, typeName } from './dialect.ts'
import { latestSteps } from './latest.ts'

/** DuckDB's way of saying what plans mean. */
export const duckdbDialect: Dialect = Object.freeze({
  ident,
  typeName,
  literal,
  comparable,
  equatable: comparable,
  latest: latestSteps,
  asOf: asOfSteps,
  together: (left, others) => ({
    from: [left, ...others].map((t) => `${ident(t.table)} AS ${t.alias}`).join(' POSITIONAL JOIN '),
    order: [],
  }),
} satisfies Dialect)
