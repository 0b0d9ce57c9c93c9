import { fail } from '../../kernel/errors.ts'
import { type FeatureType, partsOf, readsAs } from '../../values/feature-type.ts'
import { typeName } from './dialect.ts'

/** A column as a query has it: PostgreSQL's number of its type, and what more is said of it. */
export interface PostgresColumn {
  readonly name: string
  readonly oid: number
  readonly modifier: number
  /** Whether texts that are not the same count as equal in it, by its collation. */
  readonly folds?: boolean
}

// Numbers of PostgreSQL's own types, which never change.
const scalars: ReadonlyMap<number, string> = new Map([
  [16, 'bool'],
  [17, 'bytes'],
  [20, 'int64'],
  [21, 'int16'],
  [23, 'int32'],
  [25, 'string'],
  [1043, 'string'],
  [700, 'float32'],
  [701, 'float64'],
  [1082, 'date'],
  [1114, 'timestamp'],
  [1184, 'timestamp'],
])
const arrays: ReadonlyMap<number, number> = new Map([
  [1000, 16],
  [1001, 17],
  [1016, 20],
  [1005, 21],
  [1007, 23],
  [1009, 25],
  [1015, 1043],
  [1021, 700],
  [1022, 701],
  [1182, 1082],
  [1115, 1114],
  [1185, 1184],
])
const numeric = 1700

/** Whether a column has texts, alone or in lists. */
export const hasTexts = ({ oid }: PostgresColumn): boolean => (scalars.get(arrays.get(oid) ?? oid) ?? '') === 'string'

/** The type of a column as `readsAs` knows it; a name of PostgreSQL's where it has none. */
export function sourceType({ oid, modifier }: PostgresColumn): string {
  const item = arrays.get(oid)
  if (item !== undefined) return `list<${scalars.get(item) ?? ''}>`
  if (oid === numeric) {
    const [precision, scale] = [((modifier - 4) >> 16) & 0xffff, (modifier - 4) & 0x7ff]
    return modifier >= 4 && scale === 0 && precision <= 18 ? 'decimal18_0' : 'numeric'
  }
  return scalars.get(oid) ?? `type ${oid}`
}

const years = `timestamptz '0001-01-01 00:00:00+00' AND timestamptz '9999-12-31 23:59:59.999999+00'`
/** Whether an instant is one of ours: of years 1–9999, so not infinite. */
export const isOurs = (sql: string): string => `${sql} BETWEEN ${years}`

/**
 * SQL that reads a column as a declared type, exactly; instants that are none of ours are null. `bare` leaves those in: a condition
 * beside it keeps their rows out, so that an index on the column can be used.
 * @throws TYPE_MISMATCH naming the column and both types.
 */
export function readAs(
  sql: string,
  column: PostgresColumn,
  declared: FeatureType,
  where: { readonly label: string; readonly bare: boolean },
): string {
  const source = sourceType(column)
  if (!readsAs(source, declared))
    throw fail('TYPE_MISMATCH', `The column "${column.name}" of ${where.label} is ${source}, not ${declared}`)
  const parts = partsOf(declared)
  if (column.folds === true) return `(${sql} COLLATE "C")::${typeName(declared)}`
  if (parts.kind === 'scalar') {
    if (parts.name === 'timestamp') {
      const instant = instantOf(sql, column.oid)
      return where.bare ? instant : `CASE WHEN ${isOurs(instant)} THEN ${instant} END`
    }
    return source === declared ? sql : `${sql}::${typeName(declared)}`
  }
  if (parts.kind === 'vector') {
    const isVector = `cardinality(${sql}) = ${parts.size} AND array_position(${sql}, NULL) IS NULL`
    return `CASE WHEN ${sql} IS NULL THEN NULL WHEN ${isVector} THEN ${sql}::real[] ELSE ('no ${declared} in ${column.name}: ' || left(${sql}::text, 40))::real[] END`
  }
  if (parts.item === 'timestamp') {
    const instant = instantOf('_x', arrays.get(column.oid) ?? 0)
    return `CASE WHEN ${sql} IS NOT NULL THEN ARRAY(SELECT CASE WHEN ${isOurs(instant)} THEN ${instant} END FROM unnest(${sql}) WITH ORDINALITY AS _u (_x, _n) ORDER BY _n) END`
  }
  return source === declared ? sql : `${sql}::${typeName(declared)}`
}

/**
 * Whether a column compares with values of a declared type, and sorts, just as what it is read as: a narrower integer does, and, where
 * all instants are ours, so do a date and a timestamp without a zone, since our sessions are in UTC. An index on the column then serves.
 */
export function comparesAs(column: PostgresColumn, declared: FeatureType, instantsAreOurs: boolean): boolean {
  const source = sourceType(column)
  if (declared === 'timestamp') return instantsAreOurs
  return (declared === 'int64' || declared === 'int32') && (source === 'int32' || source === 'int16')
}

/** A timestamp without a zone is UTC, and so is midnight of a date. */
function instantOf(sql: string, oid: number): string {
  if (oid === 1184) return sql
  return oid === 1082 ? `(${sql}::timestamp AT TIME ZONE 'UTC')` : `(${sql} AT TIME ZONE 'UTC')`
}
