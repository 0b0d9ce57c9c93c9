import { type AnsweringRows, type AsOfParts, type Dialect, type OrderTerm, selectText } from '../../query/dialect.ts'
import { type FeatureType, type ScalarName, partsOf } from '../../values/feature-type.ts'
import { formatInstant, inRange } from '../../values/instant.ts'
import type { Value } from '../../values/value.ts'

const scalarTypes: Readonly<Record<ScalarName, string>> = Object.freeze({
  bool: 'boolean',
  int32: 'integer',
  int64: 'bigint',
  float32: 'real',
  float64: 'double precision',
  string: 'text',
  bytes: 'bytea',
  timestamp: 'timestamptz',
})

/** A text as a literal of SQL, whatever the session's settings are. */
export const quote = (text: string): string =>
  text.includes('\\') ? ` E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'` : `'${text.replaceAll("'", "''")}'`

/** A name as an identifier. PostgreSQL cuts those that are longer than 63 bytes, so nothing depends on the names of results. */
export const ident = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** PostgreSQL's name of a type. Vectors are arrays of real; instants have a zone, which is UTC in our sessions. */
export function typeName(type: FeatureType): string {
  const parts = partsOf(type)
  if (parts.kind === 'scalar') return scalarTypes[parts.name]
  return `${scalarTypes[parts.kind === 'list' ? parts.item : 'float32']}[]`
}

/** A typed constant. */
export function literal(type: FeatureType, value: Value | null): string {
  if (value === null) return `NULL::${typeName(type)}`
  const parts = partsOf(type)
  if (parts.kind === 'scalar') return scalarLiteral(parts.name, value)
  const item = parts.kind === 'list' ? parts.item : 'float32'
  const items = (value as readonly (Value | null)[]).map((each) => literal(item, each))
  return `ARRAY[${items.join(', ')}]::${typeName(type)}`
}

function scalarLiteral(type: ScalarName, value: Value): string {
  switch (type) {
    case 'bool':
      return value === true ? 'true' : 'false'
    case 'string':
      return `${quote(value as string)}::text`
    case 'bytes':
      return `decode('${Buffer.from(value as Uint8Array).toString('hex')}', 'hex')`
    case 'timestamp':
      return instantLiteral(value as bigint)
    default:
      return `'${Object.is(value, -0) ? '-0' : String(value)}'::${scalarTypes[type]}`
  }
}

/** What lies outside our years lies beyond all rows. */
function instantLiteral(us: bigint): string {
  if (inRange(us)) return `timestamptz '${formatInstant(us).replace('T', ' ').replace('Z', '+00')}'`
  return `timestamptz '${us < 0n ? '-' : ''}infinity'`
}

/** Elements as (is not null, value), so that a null is least; text by its bytes. */
function comparable(sql: string, type: FeatureType): string {
  if (type === 'string') return `(${sql} COLLATE "C")`
  const parts = partsOf(type)
  if (parts.kind !== 'list') return sql
  const value = parts.item === 'string' ? `convert_to(_x, 'UTF8')` : '_x'
  const item = `ROW(_x IS NOT NULL, coalesce(${value}, ${leastOf(parts.item)}))`
  return `CASE WHEN ${sql} IS NOT NULL THEN ARRAY(SELECT ${item} FROM unnest(${sql}) WITH ORDINALITY AS _u (_x, _n) ORDER BY _n) END`
}

/** Some value of the type, to stand where null does not count. */
function leastOf(type: ScalarName): string {
  const values: Readonly<Record<ScalarName, string>> = {
    bool: 'false',
    int32: '0',
    int64: '0::bigint',
    float32: '0::real',
    float64: '0::double precision',
    string: `''::bytea`,
    bytes: `''::bytea`,
    timestamp: `timestamptz '-infinity'`,
  }
  return values[type]
}

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
  asOf: (parts) => [{ sql: `${ident(parts.table)} AS MATERIALIZED (${answers(parts)})` }],
  together: (left, others, row) => ({
    from: [
      `${ident(left.table)} AS ${left.alias}`,
      ...others.map((t) => `JOIN ${ident(t.table)} AS ${t.alias} ON ${t.alias}."row" = ${left.alias}.${ident(row)}`),
    ].join(' '),
    order: [`${left.alias}.${ident(row)}`],
  }),
} satisfies Dialect)

/** A query for each left row's number and the outputs of its latest right row. */
function answers(parts: AsOfParts): string {
  const { apart, right } = parts
  if (apart === undefined) return outputs(right, '_w', `(${latestRows(parts, right, parts.seekable)}) AS _w`)
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
  return outputs(right, '_w', `(${both}) AS _w`)
}

/** The outputs of rows that were found; a tombstone has none. */
function outputs(right: AnsweringRows, alias: string, from: string): string {
  const columns = right.outputs.map(
    ({ name }) => `CASE WHEN NOT ${alias}.dead THEN ${alias}.${ident(name)} END AS ${ident(name)}`,
  )
  return `SELECT ${[`${alias}."row"`, ...columns].join(', ')} FROM ${from}`
}

/**
 * For each left row the latest right row that it sees, or nulls: its place, outputs, and whether it is a tombstone. What a left row
 * may know of does not follow its time alone where its own instant decides about created times.
 */
function latestRows(parts: AsOfParts, right: AnsweringRows, seekable: boolean): string {
  if (seekable) return seeking(parts, right)
  return parts.knownByLeft ? joining(parts, right) : merging(parts, right)
}

const descending = (term: OrderTerm): string =>
  `${comparable(term.sql, term.type)} DESC${term.nullable ? ' NULLS LAST' : ''}`

/**
 * For each left row the right side is looked up by an index. Left rows in the order of the keys find its pages in memory. Only the rows of
 * the newest event time are sorted: asked for the whole order at once, PostgreSQL takes a range with two ends for so few rows that it reads
 * and sorts them all. The ttl is judged on what was found.
 */
function seeking(parts: AsOfParts, right: AnsweringRows): string {
  const { left, ttlUs } = parts
  const sorted = [...left.keys, left.at].map((name) => `_l.${ident(name)}`)
  const rest = [...right.rest, ...right.ties].map(({ sql, type }, i) => ({
    sql: comparable(sql, type),
    name: `_t${i}`,
  }))
  const columns = [winnerColumns(right), ...rest.map(({ sql, name }) => `${sql} AS ${name}`)].join(', ')
  const newest = `SELECT ${columns} FROM ${right.from} WHERE ${conditions(parts, right, '_i')} ORDER BY ${right.event} DESC FETCH FIRST 1 ROWS WITH TIES`
  const order = ['_created', ...rest.map(({ name }) => name)].map((name) => `_n.${name} DESC NULLS LAST`)
  const winner = `SELECT * FROM (${newest}) AS _n ORDER BY ${order.join(', ')} LIMIT 1`
  const young = ttlUs === 0n ? 'true' : youngEnough('w._event', `_i.${ident(left.at)}`, ttlUs)
  return `SELECT _i.${ident(left.row)} AS "row", w.* FROM (SELECT * FROM ${ident(left.table)} AS _l ORDER BY ${sorted.join(', ')} OFFSET 0) AS _i LEFT JOIN LATERAL (${winner}) AS w ON ${young}`
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
