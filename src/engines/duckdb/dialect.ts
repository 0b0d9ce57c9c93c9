import { type AsOfParts, type Dialect, type OrderTerm, selectText } from '../../query/dialect.ts'
import { type FeatureType, type ScalarName, partsOf } from '../../values/feature-type.ts'
import { formatInstant, inRange } from '../../values/instant.ts'
import type { Value } from '../../values/value.ts'

const scalarTypes: Readonly<Record<ScalarName, string>> = Object.freeze({
  bool: 'BOOLEAN',
  int32: 'INTEGER',
  int64: 'BIGINT',
  float32: 'FLOAT',
  float64: 'DOUBLE',
  string: 'VARCHAR',
  bytes: 'BLOB',
  timestamp: 'TIMESTAMP',
})

/** A text as a literal of SQL. */
export const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** A name as an identifier. */
export const ident = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** DuckDB's name of a type. Vectors are lists of FLOAT; timestamps have microseconds and no zone. */
export function typeName(type: FeatureType): string {
  const parts = partsOf(type)
  if (parts.kind === 'scalar') return scalarTypes[parts.name]
  return `${scalarTypes[parts.kind === 'list' ? parts.item : 'float32']}[]`
}

/** A typed constant. */
export function literal(type: FeatureType, value: Value | null): string {
  if (value === null) return `CAST(NULL AS ${typeName(type)})`
  const parts = partsOf(type)
  if (parts.kind === 'scalar') return scalarLiteral(parts.name, value)
  const item = parts.kind === 'list' ? parts.item : 'float32'
  return `CAST([${(value as readonly (Value | null)[]).map((v) => literal(item, v)).join(', ')}] AS ${typeName(type)})`
}

function scalarLiteral(type: ScalarName, value: Value): string {
  switch (type) {
    case 'bool':
      return value === true ? 'true' : 'false'
    case 'string':
      return quote(value as string)
    case 'bytes':
      return `'${[...(value as Uint8Array)].map((b) => `\\x${b.toString(16).padStart(2, '0')}`).join('')}'::BLOB`
    case 'timestamp':
      return instantLiteral(value as bigint)
    case 'float32':
    case 'float64':
      return `CAST('${Object.is(value, -0) ? '-0.0' : String(value)}' AS ${scalarTypes[type]})`
    default:
      return `CAST(${String(value)} AS ${scalarTypes[type]})`
  }
}

/** A constant instant; DuckDB's text form ends at its own years, so what lies outside ours is made from the number. */
function instantLiteral(us: bigint): string {
  return inRange(us)
    ? `TIMESTAMP '${formatInstant(us).replace('T', ' ').replace('Z', '')}'`
    : `make_timestamp(CAST(${us} AS BIGINT))`
}

/**
 * A BLOB, kept away from the statistics of Parquet files: with bytes above 0x7F in them, DuckDB skips row groups that hold
 * what is looked for (seen in 1.5.6, with = and through joins).
 */
export const unskipped = (sql: string): string => `(${sql} || ''::BLOB)`

/**
 * An element that is null is least, not greatest as in DuckDB's own order of lists. Floats are sorted by as a sum: what DuckDB
 * sorts by a plain column it reads back from the sort key, where −0 is 0.
 */
function comparable(sql: string, type: FeatureType): string {
  if (type === 'bytes') return unskipped(sql)
  if (type === 'float32' || type === 'float64') return `(${sql} + 0)`
  const parts = partsOf(type)
  if (parts.kind === 'vector') return `list_transform(${sql}, lambda _x: _x + 0)`
  if (parts.kind !== 'list') return sql
  return `list_transform(${sql}, lambda _x: {'n': _x IS NOT NULL, 'v': coalesce(_x, ${leastOf(parts.item)})})`
}

/** Some value of the type, to stand where null does not count. */
function leastOf(type: ScalarName): string {
  const values: Readonly<Record<ScalarName, Value>> = {
    bool: false,
    int32: 0,
    int64: 0n,
    float32: 0,
    float64: 0,
    string: '',
    bytes: new Uint8Array(),
    timestamp: 0n,
  }
  return literal(type, values[type])
}

/** The same for a type as `comparable` gives it. */
function placeholderOf(type: FeatureType): string {
  const parts = partsOf(type)
  if (parts.kind === 'scalar') return leastOf(parts.name)
  if (parts.kind === 'vector') return literal(type, [])
  return `CAST([] AS STRUCT(n BOOLEAN, v ${scalarTypes[parts.item]})[])`
}

/** DuckDB's way of saying what plans mean. */
export const duckdbDialect: Dialect = Object.freeze({
  ident,
  typeName,
  literal,
  comparable,
  equatable: comparable,
  latest: (rows, by, order) => {
    const partition = by.length === 0 ? '' : `PARTITION BY ${by.join(', ')} `
    const terms = order.map((t) => `${comparable(t.sql, t.type)} DESC NULLS LAST`)
    const over = `${partition}${terms.length === 0 ? '' : `ORDER BY ${terms.join(', ')}`}`.trimEnd()
    return `${selectText(duckdbDialect, rows)} QUALIFY row_number() OVER (${over}) = 1`
  },
  asOf,
  keep: (table: string, query: string) => `CREATE TEMP TABLE ${ident(table)} AS ${query}`,
  together: (left, others) => ({
    from: [left, ...others].map((t) => `${ident(t.table)} AS ${t.alias}`).join(' POSITIONAL JOIN '),
    order: [],
  }),
} satisfies Dialect)

interface KeyField {
  readonly right: string
  /** Above every value of the right side, where the fields before it are equal. */
  readonly left: string
}

/**
 * ASOF LEFT JOIN over a struct that holds the whole order. In such a struct a null is greatest and breaks equality, so no
 * field is ever null; the left side's fields behind the instant are above all that the right side can hold. A second
 * inequality is not allowed in ON, so the ttl is judged on the winner. With several keys, the plan for few left rows takes
 * two nulls for equal, so the right side has none.
 */
function asOf(parts: AsOfParts): string {
  const { left } = parts
  const right = {
    ...parts.right,
    where: [...parts.right.where, ...parts.right.keys.map((key) => `${key} IS NOT NULL`)],
  }
  const rightKeys = right.keys.map((sql, i) => ({ sql, name: `k${i}` }))
  const known = parts.knownByLeft && right.created !== null
  const columns = [
    ...rightKeys,
    { sql: right.event, name: 'event' },
    ...(right.tombstone === null ? [] : [{ sql: right.tombstone, name: 'dead' }]),
    ...right.outputs,
  ]
  const fields = keyFields(parts)
  const rightKey = structOf(fields.map((f) => f.right))
  const rows = known
    ? visibleRows({ ...parts, right }, columns, rightKey)
    : selectText(duckdbDialect, {
        columns: [...columns, { sql: rightKey, name: 'key' }],
        from: right.from,
        where: parts.knownByLeft ? [...right.where, 'false'] : right.where,
      })
  const leftColumns = [
    { sql: `i.${ident(left.row)}`, name: 'row' },
    { sql: `i.${ident(left.at)}`, name: 'at' },
    ...left.keys.map((column, i) => ({ sql: `i.${ident(column)}`, name: `k${i}` })),
    { sql: structOf(fields.map((f) => f.left)), name: 'key' },
  ]
  const on = [...rightKeys.map((k) => `l.${k.name} = r.${k.name}`), 'l."key" >= r."key"']
  const conditions = [
    ...(right.tombstone === null ? [] : ['NOT r.dead']),
    ...(parts.ttlUs === 0n ? [] : [`epoch_us(l."at") - epoch_us(r."event") <= ${parts.ttlUs}`]),
  ]
  const outputs = right.outputs.map((o) => ({
    sql:
      conditions.length === 0
        ? `r.${ident(o.name)}`
        : `CASE WHEN ${conditions.join(' AND ')} THEN r.${ident(o.name)} END`,
    name: o.name,
  }))
  const from = `(${selectText(duckdbDialect, { columns: leftColumns, from: `${ident(left.table)} AS i`, where: [] })}) AS l ASOF LEFT JOIN (${rows}) AS r ON ${on.join(' AND ')}`
  return selectText(duckdbDialect, { columns: [{ sql: 'l."row"', name: 'row' }, ...outputs], from, where: [] }, [
    'l."row"',
  ])
}

/**
 * Rows by the instant from which they are both true and known. Of those, only such rows are kept as were the newest when
 * they became visible: among them the last visible one is the latest of all visible ones, since of rows with one event
 * time the one that became visible later was created later. So one ASOF answers, whatever the delays are.
 */
function visibleRows(
  parts: AsOfParts,
  columns: readonly { readonly sql: string; readonly name: string }[],
  key: string,
): string {
  const { right } = parts
  const visible = visibleFrom(parts)
  const partition = right.keys.length === 0 ? '' : `PARTITION BY ${right.keys.join(', ')} `
  return `${selectText(duckdbDialect, { columns: [...columns, { sql: key, name: 'key' }], from: right.from, where: [...right.where, `${right.created ?? ''} IS NOT NULL`] })} QUALIFY ${right.event} = max(${right.event}) OVER (${partition}ORDER BY ${visible})`
}

const visibleFrom = (parts: AsOfParts): string => `greatest(${parts.right.event}, ${parts.right.created ?? ''})`

function keyFields(parts: AsOfParts): KeyField[] {
  const { left, right } = parts
  const fields: KeyField[] = [
    {
      right: parts.knownByLeft && right.created !== null ? visibleFrom(parts) : right.event,
      left: `i.${ident(left.at)}`,
    },
  ]
  if (right.created !== null)
    fields.push({ right: `coalesce(${right.created}, TIMESTAMP '-infinity')`, left: "TIMESTAMP 'infinity'" })
  for (const term of right.rest) fields.push(...termFields(term))
  return fields
}

function termFields(term: OrderTerm): KeyField[] {
  const sql = comparable(term.sql, term.type)
  const placeholder = placeholderOf(term.type)
  if (!term.nullable && term.type === 'int64') return [{ right: sql, left: literal('int64', 0x7fff_ffff_ffff_ffffn) }]
  return [
    { right: `CASE WHEN ${term.sql} IS NULL THEN 0 ELSE 1 END`, left: '2' },
    { right: `coalesce(${sql}, ${placeholder})`, left: placeholder },
  ]
}

/** Fields compared in turn; one alone needs no struct, which costs a fifth. */
const structOf = (fields: readonly string[]): string =>
  fields.length === 1 ? (fields[0] ?? '') : `{${fields.map((sql, i) => `'f${i}': ${sql}`).join(', ')}}`
