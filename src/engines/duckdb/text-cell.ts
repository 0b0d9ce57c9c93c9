import { limits } from '../../kernel/limits.ts'
import { type FeatureType, type ScalarName, partsOf } from '../../values/feature-type.ts'
import type { CellOrigin } from './column-type.ts'
import { bounded } from './column-type.ts'
import { literal, quote, typeName } from './dialect.ts'
import { badCellSql } from './failure.ts'

const number = String.raw`-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`

/** The same rules as `parseCell` of the codecs, in SQL: a null cell is null, one that does not fit ends the query. */
export function cellAs(sql: string, type: FeatureType, origin: CellOrigin): string {
  if (type === 'string')
    return `CASE WHEN ${sql} IS NULL THEN NULL ELSE coalesce(${parsed(sql, type)}, ${badCellSql({ ...origin, type }, sql)}) END`
  return `CASE WHEN ${sql} IS NULL THEN NULL ELSE coalesce(${parsed(sql, type)}, CAST(${badCellSql({ ...origin, type }, sql)} AS ${typeName(type)})) END`
}

/** The value of a cell; null where it does not fit. */
function parsed(sql: string, type: FeatureType): string {
  const parts = partsOf(type)
  if (parts.kind === 'scalar') return scalar(sql, parts.name)
  const item = parts.kind === 'list' ? parts.item : 'float32'
  const list = isBare(item) ? bareList(sql, item) : jsonList(sql, item)
  if (parts.kind === 'vector')
    return `list_filter([${list}], lambda _v: len(_v) = ${parts.size} AND list_count(_v) = ${parts.size})[1]`
  return `list_filter([${list}], lambda _v: len(_v) <= ${limits.listElements})[1]`
}

function scalar(sql: string, type: ScalarName): string {
  switch (type) {
    case 'bool':
      return `CASE ${sql} WHEN 'true' THEN true WHEN 'false' THEN false END`
    case 'int32':
    case 'int64':
      return integer(sql, typeName(type))
    case 'float64':
      return float(sql)
    case 'float32':
      return `CASE WHEN ${special(sql)} THEN CAST(${sql} AS FLOAT) WHEN isfinite(TRY_CAST(${float(sql)} AS FLOAT)) THEN TRY_CAST(${float(sql)} AS FLOAT) END`
    case 'string':
      return `CASE WHEN strlen(${sql}) <= ${limits.stringBytes} AND NOT contains(${sql}, chr(0)) THEN ${sql} END`
    case 'bytes':
      return `CASE WHEN strlen(${sql}) % 4 = 0 AND to_base64(TRY(from_base64(${sql}))) = ${sql} THEN TRY(from_base64(${sql})) END`
    case 'timestamp':
      return instant(sql)
  }
}

/** Most integers are plain; `5.0` and `1e3` are integers too. */
function integer(sql: string, type: string): string {
  const exact = `TRY_CAST(${sql} AS DECIMAL(38, 18))`
  return `CASE WHEN regexp_full_match(${sql}, '-?(0|[1-9][0-9]{0,18})') THEN TRY_CAST(${sql} AS ${type}) WHEN regexp_full_match(${sql}, ${quote(number)}) AND ${exact} = trunc(${exact}) THEN TRY_CAST(${exact} AS ${type}) END`
}

const special = (sql: string): string => `${sql} IN ('NaN', 'Infinity', '-Infinity')`

function float(sql: string): string {
  const value = `TRY_CAST(${sql} AS DOUBLE)`
  return `CASE WHEN ${special(sql)} THEN ${value} WHEN regexp_full_match(${sql}, ${quote(number)}) AND isfinite(${value}) THEN ${value} END`
}

const dayTime = String.raw`[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]`
const usual = String.raw`${dayTime}:[0-5][0-9](\.[0-9]{1,6})?Z?`
const zone = String.raw`\s*([Zz]|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?`
const any = String.raw`[0-9]{4}-[0-9]{2}-[0-9]{2}|${dayTime}(:[0-5][0-9]([.,][0-9]+)?)?${zone}`

/** What nearly every instant looks like is left to DuckDB; the rest is put together from its parts. */
function instant(sql: string): string {
  const fast = `TRY_CAST(${sql} AS TIMESTAMP)`
  return bounded(
    `CASE WHEN regexp_full_match(${sql}, ${quote(usual)}) THEN ${fast} WHEN regexp_full_match(${sql}, ${quote(any)}) THEN ${fromParts(sql)} END`,
  )
}

function fromParts(sql: string): string {
  const digits = (start: number, length: number): string =>
    `coalesce(TRY_CAST(substr(${sql}, ${start}, ${length}) AS BIGINT), 0)`
  const seconds = `CASE WHEN substr(${sql}, 17, 1) = ':' THEN ${digits(18, 2)} ELSE 0 END`
  const fraction = `CAST(rpad(left(regexp_extract(${sql}, '[.,]([0-9]+)', 1), 6), 6, '0') AS BIGINT)`
  const offset = (group: number): string =>
    `coalesce(TRY_CAST(regexp_extract(substr(${sql}, 12), '[+-]([0-9]{2}):?([0-9]{2})?$', ${group}) AS BIGINT), 0)`
  const sign = `CASE WHEN contains(substr(${sql}, 12), '+') THEN -1 ELSE 1 END`
  const minutes = `${digits(12, 2)} * 60 + ${digits(15, 2)} + (${sign}) * (${offset(1)} * 60 + ${offset(2)})`
  return `make_timestamp(epoch_us(CAST(TRY_CAST(left(${sql}, 10) AS DATE) AS TIMESTAMP)) + (${minutes}) * 60000000 + (${seconds}) * 1000000 + ${fraction})`
}

/** Whether the elements of a list hold no commas and quotes of their own. */
const isBare = (item: ScalarName): boolean =>
  item === 'bool' || item === 'int32' || item === 'int64' || item === 'float32' || item === 'float64'

/** A list of numbers or booleans, taken apart as text so that −0 and every digit are kept. */
function bareList(sql: string, item: ScalarName): string {
  const element =
    item === 'bool'
      ? 'true|false|null'
      : item.startsWith('int')
        ? `${number}|null`
        : `${number}|null|"(NaN|-?Infinity)"`
  const space = String.raw`[ \t\n\r]*`
  const shape = String.raw`\[${space}((${element})(${space},${space}(${element}))*)?${space}\]${space}`
  const inner = String.raw`regexp_replace(${sql}, '[\[\]\s"]', '', 'g')`
  const split = `CASE WHEN ${inner} = '' THEN CAST([] AS VARCHAR[]) ELSE string_split(${inner}, ',') END`
  return checked(`CASE WHEN regexp_full_match(${sql}, ${quote(shape)}) THEN ${split} END`, "_x = 'null'", {
    item,
    element: scalar('_x', item),
  })
}

/** A list of texts in some form, as a JSON array. */
function jsonList(sql: string, item: ScalarName): string {
  // DuckDB lets a comma before the last bracket pass.
  const array = `left(${sql}, 1) = '[' AND json_valid(${sql}) AND NOT regexp_matches(${sql}, ',\\s*\\]\\s*$')`
  const elements = `CASE WHEN ${array} THEN json_extract(${sql}, '$[*]') END`
  const text = "CASE WHEN json_type(_x) = 'VARCHAR' THEN _x->>'$' END"
  return checked(elements, "json_type(_x) = 'NULL'", { item, element: scalar(`(${text})`, item) })
}

/** Parses each element; null where one that is not null does not fit. */
function checked(elements: string, isNull: string, read: { item: ScalarName; element: string }): string {
  const values = `list_transform(${elements}, lambda _x: {'n': ${isNull}, 'v': CASE WHEN ${isNull} THEN ${literal(read.item, null)} ELSE ${read.element} END})`
  return `list_transform(list_filter([${values}], lambda _l: len(list_filter(_l, lambda _y: NOT _y.n AND _y.v IS NULL)) = 0)[1], lambda _z: _z.v)`
}
