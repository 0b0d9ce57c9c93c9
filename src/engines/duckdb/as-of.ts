import { type AsOfParts, type PlacedRows, type Step, selectText } from '../../query/dialect.ts'
import { ident } from './dialect.ts'
import { dropTable, keepTable, replaceTable } from './kept-table.ts'
import { type KeyField, instantField, keyFields, latestFirst, structOf } from './order-key.ts'

/**
 * An ASOF LEFT JOIN over keys and times finds where the winner of each left row stands in the order; the rows that stand there
 * are then looked up with all their columns. Only where several rows stand at one place are they compared by their values.
 * Measured on 1 M left rows, 10 M right rows and ten columns, in CPU-seconds: 3.7 in all; an ASOF join of whole rows 5.2, and
 * 9.9 with all columns in its key.
 */
export function asOfSteps(parts: AsOfParts): readonly Step[] {
  const { table } = parts
  const top = `${table}_top`
  const looked = lookUp(parts, top)
  const sorted = ' ORDER BY w."row"'
  const ties = latestFirst(parts.right.ties.map((term, i) => ({ ...term, sql: `r.t${i}` })))
  const settled = `${looked} QUALIFY row_number() OVER (${`PARTITION BY w."row" ${ties}`.trimEnd()}) = 1`
  return [
    { sql: keepTable(top, winners(parts)) },
    {
      sql: keepTable(table, `${looked}${sorted}`),
      settle: {
        test: `SELECT (SELECT count(*) FROM ${ident(table)}) > (SELECT count(*) FROM ${ident(top)})`,
        sql: replaceTable(table, `${settled}${sorted}`),
      },
    },
    { sql: dropTable(top) },
  ]
}

interface Column {
  readonly sql: string
  readonly name: string
}

const keyColumns = ({ keys }: PlacedRows): Column[] => keys.map((sql, i) => ({ sql, name: `k${i}` }))

/** Where a row stands in the order: columns that are never null. */
function placeColumns(rows: PlacedRows): Column[] {
  return [
    { sql: rows.event, name: 'event' },
    ...(rows.created === null ? [] : [{ sql: instantField(rows.created).sql, name: 'created' }]),
    ...keyFields(rows.rest).map(({ sql }, i) => ({ sql, name: `p${i}` })),
  ]
}

/**
 * For each left row its number and the place of its winner: null where there is none, or it is a tombstone or too old.
 * The left side's fields behind the instant are above all that the right side can hold. A second inequality is not allowed in
 * ON, so the ttl is judged on the winner. With several keys, the plan for few left rows takes two nulls for equal, so the
 * right side has none.
 */
function winners(parts: AsOfParts): string {
  const { left, candidates } = parts
  const keys = keyColumns(candidates)
  const places = placeColumns(candidates)
  const dead = candidates.tombstone === null ? [] : [{ sql: candidates.tombstone, name: 'dead' }]
  const fields = orderFields(parts)
  const columns = [...keys, ...places, ...dead, { sql: structOf(fields.map((f) => f.sql)), name: 'key' }]
  const rows = parts.knownByLeft
    ? visibleRows(parts, columns)
    : selectText({ ident }, { columns, ...matchable(parts, candidates) })
  const leftColumns = [
    { sql: `i.${ident(left.row)}`, name: 'row' },
    { sql: `i.${ident(left.at)}`, name: 'at' },
    ...left.keys.map((column, i) => ({ sql: `i.${ident(column)}`, name: `k${i}` })),
    { sql: structOf(fields.map((f) => f.above)), name: 'key' },
  ]
  const leftRows = selectText({ ident }, { columns: leftColumns, from: `${ident(left.table)} AS i`, where: [] })
  const on = [...keys.map((k) => `l.${k.name} = r.${k.name}`), 'l."key" >= r."key"']
  const conditions = [
    ...(candidates.tombstone === null ? [] : ['NOT r.dead']),
    ...(parts.ttlUs === 0n ? [] : [`epoch_us(l."at") - epoch_us(r."event") <= ${parts.ttlUs}`]),
  ]
  const [event, ...others] = places.map(({ name }) => ({ sql: `r.${ident(name)}`, name }))
  const valid = { sql: `CASE WHEN ${conditions.join(' AND ')} THEN r."event" END`, name: 'event' }
  const selected = [
    { sql: 'l."row"', name: 'row' },
    ...keys.map(({ name }) => ({ sql: `l.${ident(name)}`, name })),
    ...(event === undefined ? [] : [conditions.length === 0 ? event : valid]),
    ...others,
  ]
  const from = `(${leftRows}) AS l ASOF LEFT JOIN (${rows}) AS r ON ${on.join(' AND ')}`
  return selectText({ ident }, { columns: selected, from, where: [] })
}

/** The outputs of the rows that stand at the winners' places. */
function lookUp(parts: AsOfParts, top: string): string {
  const { right } = parts
  const matched = [...keyColumns(right), ...placeColumns(right)]
  const ties = right.ties.map(({ sql }, i) => ({ sql, name: `t${i}` }))
  const columns = [...matched, ...right.outputs, ...ties]
  const rows = selectText({ ident }, { columns, ...matchable(parts, right) })
  const on = matched.map(({ name }) => `w.${ident(name)} = r.${ident(name)}`)
  const selected = [
    { sql: 'w."row"', name: 'row' },
    ...right.outputs.map(({ name }) => ({ sql: `r.${ident(name)}`, name })),
  ]
  const from = `${ident(top)} AS w LEFT JOIN (${rows}) AS r ON ${on.join(' AND ')}`
  return selectText({ ident }, { columns: selected, from, where: [] })
}

/** The rows that can match at all; without created times nothing is known by the left row. */
function matchable({ knownByLeft }: AsOfParts, rows: PlacedRows): { from: string; where: string[] } {
  const where = [...rows.where, ...rows.keys.map((key) => `${key} IS NOT NULL`)]
  if (!knownByLeft) return { from: rows.from, where }
  return { from: rows.from, where: [...where, rows.created === null ? 'false' : `${rows.created} IS NOT NULL`] }
}

/**
 * Rows by the instant from which they are both true and known. Of those, only such rows are kept as were the newest when
 * they became visible: among them the last visible one is the latest of all visible ones, since of rows with one event
 * time the one that became visible later was created later. So one ASOF answers, whatever the delays are.
 */
function visibleRows(parts: AsOfParts, columns: readonly Column[]): string {
  const { candidates } = parts
  const rows = selectText({ ident }, { columns, ...matchable(parts, candidates) })
  if (candidates.created === null) return rows
  const partition = candidates.keys.length === 0 ? '' : `PARTITION BY ${candidates.keys.join(', ')} `
  return `${rows} QUALIFY ${candidates.event} = max(${candidates.event}) OVER (${partition}ORDER BY ${visibleFrom(candidates)})`
}

const visibleFrom = ({ event, created }: PlacedRows): string => `greatest(${event}, ${created ?? ''})`

/** What the join compares: the instant from which a row counts, then its place in the order. */
function orderFields({ left, candidates, knownByLeft }: AsOfParts): KeyField[] {
  const from = knownByLeft && candidates.created !== null ? visibleFrom(candidates) : candidates.event
  return [
    { sql: from, above: `i.${ident(left.at)}` },
    ...(candidates.created === null ? [] : [instantField(candidates.created)]),
    ...keyFields(candidates.rest),
  ]
}
