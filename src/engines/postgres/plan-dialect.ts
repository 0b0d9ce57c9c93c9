import { type Dialect, selectText } from '../../query/dialect.ts'
import { asOfQuery, descending } from './as-of.ts'
import { comparable, ident, literal, typeName } from './dialect.ts'

/** PostgreSQL's way of saying what plans mean. What is kept stands before the query, which `together` reads. */
export const postgresDialect: Dialect = Object.freeze({
  ident,
  typeName,
  literal,
  comparable,
  // Whether two texts are equal does not depend on a collation, and an index has its own.
  equatable: (sql: string) => sql,
  latest: ({ table, rows, by, order }) => {
    const terms = [...by, ...[...order.first, ...order.ties].map(descending)]
    const text = selectText({ ident }, rows, terms)
    const one =
      by.length === 0 ? `${text} LIMIT 1` : text.replace(/^SELECT /, () => `SELECT DISTINCT ON (${by.join(', ')}) `)
    return [{ sql: `${ident(table)} AS (${one})` }]
  },
  asOf: (parts) => [{ sql: `${ident(parts.table)} AS (${asOfQuery(parts)})` }],
  // The columns of the left side are not asked for here: they stayed where they came from.
  together: (left, others, row) => {
    const [first, ...rest] = others
    if (first === undefined)
      return { from: `${ident(left.table)} AS ${left.alias}`, order: [`${left.alias}.${ident(row)}`] }
    const joined = rest.map((t) => `JOIN ${ident(t.table)} AS ${t.alias} ON ${t.alias}."row" = ${first.alias}."row"`)
    return {
      from: [`${ident(first.table)} AS ${first.alias}`, ...joined].join(' '),
      order: [`${first.alias}."row"`],
    }
  },
} satisfies Dialect)
