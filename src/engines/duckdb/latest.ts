import { type LatestParts, type Step, selectText } from '../../query/dialect.ts'
import { ident } from './dialect.ts'
import { fieldsIn, keyFields, latestFirst, structOf } from './order-key.ts'
import { dropTable, keepTable, replaceTable } from './kept-table.ts'

/**
 * Finds the greatest place in the order of each group first, reading nothing but keys and times, then the rows that stand
 * there. Measured on 10 M rows of 1 M groups with ten columns, in CPU-seconds: 3.0; row_number over whole rows 4.9, and 6.0 where
 * all columns settle ties; arg_max of whole rows 2.6, but it cannot settle ties. Where groups have one or two rows all are alike.
 * The rows are kept in the order of their groups, which costs nothing measurable: who writes them to a store of sorted keys
 * writes neighbours after each other (a tenth of the pages).
 */
export function latestSteps({ table, rows, by, order }: LatestParts): readonly Step[] {
  const top = `${table}_top`
  const fields = keyFields(order.first).map((f) => f.sql)
  const groups = by.map((sql, i) => ({ sql, name: `g${i}` }))
  const greatest = fields.length === 0 ? [] : [{ sql: `max(${structOf(fields)})`, name: 'top' }]
  const counted = by.length === 0 && fields.length === 0 ? [{ sql: 'count(*)', name: 'rows' }] : []
  const grouped = by.length === 0 ? '' : ` GROUP BY ${by.join(', ')}`
  const found = `${selectText({ ident }, { ...rows, columns: [...groups, ...greatest, ...counted] })}${grouped}`
  const on = [
    ...by.map((sql, i) => `${sql} IS NOT DISTINCT FROM _top.g${i}`),
    ...fieldsIn('_top."top"', fields).map((top, i) => `${fields[i] ?? ''} = ${top}`),
  ]
  const from = `${rows.from} JOIN ${ident(top)} AS _top ON ${on.length === 0 ? 'true' : on.join(' AND ')}`
  const whole = selectText({ ident }, { columns: rows.columns, from, where: rows.where })
  const partition = by.length === 0 ? '' : `PARTITION BY ${by.join(', ')} `
  const sorted = by.length === 0 ? '' : ` ORDER BY ${by.join(', ')}`
  return [
    { sql: keepTable(top, found) },
    {
      sql: keepTable(table, `${whole}${sorted}`),
      settle: {
        test: `SELECT (SELECT count(*) FROM ${ident(table)}) > (SELECT count(*) FROM ${ident(top)})`,
        sql: replaceTable(
          table,
          `${whole} QUALIFY row_number() OVER (${`${partition}${latestFirst(order.ties)}`.trimEnd()}) = 1${sorted}`,
        ),
      },
    },
    { sql: dropTable(top) },
  ]
}
