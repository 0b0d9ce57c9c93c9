import type { AnsweringRows, AsOfParts, OrderTerm } from '../../query/dialect.ts'
import { comparable, ident } from './dialect.ts'

/** A query for each left row's number (`row`) and the outputs of its latest right row, or nulls. */
export function asOfQuery(parts: AsOfParts): string {
  const { apart, right } = parts
  if (apart === undefined) return outputs(right, latestRows(parts, right, parts.seekable))
  const found = latestRows(parts, apart.found, true)
  const others = latestRows(parts, apart.others, false)
  const names = [...right.outputs.map(({ name }) => name), 'dead']
  const sides = names.map(
    (name) => `CASE WHEN _is_other THEN _o.${ident(name)} ELSE _f.${ident(name)} END AS ${ident(name)}`,
  )
  const created = (alias: string): string => `coalesce(${alias}._created, timestamptz '-infinity')`
  const later = `_o._event > _f._event OR _f._event IS NULL OR (_o._event = _f._event AND ${created('_o')} > ${created('_f')})`
  const which = `LATERAL (SELECT _o._event IS NOT NULL AND (${later}) AS _is_other) AS _which`
  const both = `SELECT _f."row", ${sides.join(', ')} FROM (${found}) AS _f JOIN (${others}) AS _o ON _o."row" = _f."row", ${which}`
  return outputs(right, both)
}

/** The outputs of rows that were found; a tombstone has none. */
function outputs(right: AnsweringRows, found: string): string {
  const columns = right.outputs.map(({ name }) =>
    right.tombstone === null
      ? `_w.${ident(name)}`
      : `CASE WHEN NOT _w.dead THEN _w.${ident(name)} END AS ${ident(name)}`,
  )
  return `SELECT ${['_w."row"', ...columns].join(', ')} FROM (${found}) AS _w`
}

/**
 * For each left row the latest right row that it sees, or nulls: its place, outputs, and whether it is a tombstone. What a left row
 * may know of does not follow its time alone where its own instant decides about created times.
 */
function latestRows(parts: AsOfParts, right: AnsweringRows, seekable: boolean): string {
  if (seekable) return seeking(parts, right)
  return parts.knownByLeft ? joining(parts, right) : merging(parts, right)
}

/** The greatest first. */
export const descending = (term: OrderTerm): string =>
  `${comparable(term.sql, term.type)} DESC${term.nullable ? ' NULLS LAST' : ''}`

/**
 * For each left row the right side is looked up by an index. Left rows in the order of the keys find its pages in memory. Only the event
 * time is asked for in order, which the index has: asked for the whole order at once, PostgreSQL takes a range with two ends for so few
 * rows that it reads and sorts them all. Between the rows of the newest event time the sort decides that puts the answers into the order
 * of the left rows: one sort of all costs a third of what a sort for each left row does.
 */
function seeking(parts: AsOfParts, right: AnsweringRows): string {
  const { left, ttlUs } = parts
  const [row, at] = [`_i.${ident(left.row)}`, `_i.${ident(left.at)}`]
  const sorted = [...left.keys, left.at].map((name) => `_l.${ident(name)}`)
  const rows = `(SELECT * FROM ${ident(left.table)} AS _l ORDER BY ${sorted.join(', ')} OFFSET 0) AS _i`
  const ties = right.single ? [] : [...right.rest, ...right.ties].map((term, i) => ({ ...term, name: `_t${i}` }))
  const columns = [winnerColumns(right), ...ties.map(({ sql, name }) => `${sql} AS ${name}`)]
  const young = ttlUs === 0n ? '' : ` AND ${youngEnough(right.event, at, ttlUs)}`
  const newest = `SELECT ${columns.join(', ')} FROM ${right.from} WHERE ${conditions(parts, right, '_i')}${young} ORDER BY ${right.event} DESC FETCH FIRST 1 ROWS ${right.single ? 'ONLY' : 'WITH TIES'}`
  const order = [row, ...(right.single ? [] : ['w._created DESC NULLS LAST'])]
  const between = ties.map((term) => descending({ ...term, sql: `w.${term.name}`, nullable: true }))
  const names = ['_event', '_created', ...right.outputs.map(({ name }) => name), 'dead'].map(
    (name) => `w.${ident(name)}`,
  )
  const one = right.single ? '' : `DISTINCT ON (${row}) `
  return `SELECT ${one}${row} AS "row", ${names.join(', ')} FROM ${rows} LEFT JOIN LATERAL (${newest}) AS w ON true ORDER BY ${[...order, ...between].join(', ')}`
}

/** Both sides are joined by their keys; of the pairs of each left row the latest is kept. */
function joining(parts: AsOfParts, right: AnsweringRows): string {
  const { left, ttlUs } = parts
  const row = `_l.${ident(left.row)}`
  const young = ttlUs === 0n ? '' : ` AND ${youngEnough(right.event, `_l.${ident(left.at)}`, ttlUs)}`
  const pairs = `SELECT DISTINCT ON (${row}) ${row} AS _row, ${winnerColumns(right)} FROM ${ident(left.table)} AS _l JOIN ${right.from} ON ${conditions(parts, right, '_l')}${young} ORDER BY ${row}, ${latestFirst(right)}`
  return `SELECT i.${ident(left.row)} AS "row", w.* FROM ${ident(left.table)} AS i LEFT JOIN (${pairs}) AS w ON w._row = i.${ident(left.row)}`
}

/**
 * Right rows are numbered from the first of their key to the latest, and both sides laid in one line by key and time: the greatest
 * number seen so far is the row that a left row sees. Two sorts, however many right rows a left row could see.
 */
function merging(parts: AsOfParts, right: AnsweringRows): string {
  const { left, ttlUs } = parts
  const keys = right.keys.map((_, k) => `_k${k}`)
  const ordered = [...keys, '_event', '_n']
  const places = keys.map((name, k) => `${right.keys[k] ?? ''} AS ${name}`)
  const number = `row_number() OVER (ORDER BY ${[...right.keys, ...earliestFirst(right)].join(', ')}) AS _n`
  const there = [...right.keys.map((key) => `${key} IS NOT NULL`), `${right.event} IS NOT NULL`, ...right.where]
  const rows = `SELECT ${[...places, number, winnerColumns(right)].join(', ')} FROM ${right.from} WHERE ${there.join(' AND ')}`
  const asked = [...left.keys.map((key) => `_l.${ident(key)}`), `_l.${ident(left.at)}`]
  const line = `SELECT ${ordered.join(', ')}, NULL::bigint AS _row FROM _right UNION ALL SELECT ${asked.join(', ')}, NULL, _l.${ident(left.row)} FROM ${ident(left.table)} AS _l`
  const by = keys.length === 0 ? '' : `PARTITION BY ${keys.join(', ')} `
  const seen = `SELECT _row, _event AS _at, max(_n) OVER (${by}ORDER BY _event, _row NULLS FIRST, _n ROWS UNBOUNDED PRECEDING) AS _seen FROM (${line}) AS _line`
  const young = ttlUs === 0n ? '' : ` AND ${youngEnough('w._event', 's._at', ttlUs)}`
  return `WITH _right AS MATERIALIZED (${rows}) SELECT s._row AS "row", w.* FROM (${seen}) AS s LEFT JOIN _right AS w ON w._n = s._seen${young} WHERE s._row IS NOT NULL`
}

const winnerColumns = (right: AnsweringRows): string =>
  [
    `${right.event} AS _event`,
    `${right.created ?? 'NULL::timestamptz'} AS _created`,
    ...right.outputs.map((o) => `${o.sql} AS ${ident(o.name)}`),
    `${right.tombstone ?? 'false'} AS dead`,
  ].join(', ')

/** Which right rows a left row can see, whatever their age: one older than the ttl cannot be the answer, nor can it hide one. */
function conditions({ left, knownByLeft }: AsOfParts, right: AnsweringRows, alias: string): string {
  const at = `${alias}.${ident(left.at)}`
  return [
    ...right.keys.map((key, k) => `${key} = ${alias}.${ident(left.keys[k] ?? '')}`),
    `${right.event} <= ${at}`,
    ...(knownByLeft ? [right.created === null ? 'false' : `${right.created} <= ${at}`] : []),
    ...right.where,
  ].join(' AND ')
}

/** PostgreSQL's time begins in 4713 BC: before that there is nothing to subtract from. */
const subtractableUs = 4_000n * 365n * 86_400_000_000n

const youngEnough = (event: string, at: string, ttlUs: bigint): string =>
  ttlUs <= subtractableUs
    ? `${event} >= ${at} - interval '${ttlUs} microseconds'`
    : `${event} + interval '${ttlUs / 1_000_000n} seconds' + interval '${ttlUs % 1_000_000n} microseconds' >= ${at}`

const latestFirst = (right: AnsweringRows): string =>
  [
    `${right.event} DESC`,
    ...(right.created === null ? [] : [`${right.created} DESC NULLS LAST`]),
    ...[...right.rest, ...right.ties].map(descending),
  ].join(', ')

/** The same order from its other end. */
const earliestFirst = (right: AnsweringRows): string[] => [
  right.event,
  ...(right.created === null ? [] : [`${right.created} NULLS FIRST`]),
  ...[...right.rest, ...right.ties].map((term) => `${comparable(term.sql, term.type)} NULLS FIRST`),
]
