import type { FeatureType } from '../values/feature-type.ts'
import type { Value } from '../values/value.ts'

/** What one SQL engine says in its own way: all text, no I/O. The rules of the plans stay in `compile`. */
export interface Dialect {
  /** A name, quoted so that it is taken letter by letter. */
  ident(name: string): string
  typeName(type: FeatureType): string
  /** A typed constant; timestamps are microseconds. */
  literal(type: FeatureType, value: Value | null): string
  /** An expression that compares and sorts as `compareValues` does, but for null, which stays null. */
  comparable(sql: string, type: FeatureType): string
  /** An expression that is equal where two values are, by which an engine may find rows. */
  equatable(sql: string, type: FeatureType): string
  /** Keeps one row per group: the one whose order is the greatest. Whole rows, never a mix, under their names. */
  latest(parts: LatestParts): readonly Step[]
  /** Keeps one row per left row: its number (`row`) and the outputs of the latest right row, or nulls. Sorted by the number. */
  asOf(parts: AsOfParts): readonly Step[]
  /** The left table and what was kept beside it, row by row, as the FROM of a query; each under its alias. */
  together(
    left: KeptTable,
    others: readonly KeptTable[],
    row: string,
  ): { readonly from: string; readonly order: readonly string[] }
}

/** A query taken apart. Columns are `sql AS name`. */
export interface Select {
  readonly columns: readonly { readonly sql: string; readonly name: string }[]
  readonly from: string
  readonly where: readonly string[]
  /** Equal rows once. */
  readonly distinct?: boolean
}

/** A statement of a plan, run before its query. */
export interface Step {
  readonly sql: string
  /** `sql` is run after it where `test`, a query of one boolean, answers true: several rows stand at one place of an order. */
  readonly settle?: { readonly test: string; readonly sql: string }
}

/** One column that decides which row is the latest. */
export interface OrderTerm {
  readonly sql: string
  readonly type: FeatureType
  /** True where it may be null. */
  readonly nullable: boolean
}

export interface KeptTable {
  readonly table: string
  readonly alias: string
}

/** The latest row of each group, and the table that is to hold it. */
export interface LatestParts {
  readonly table: string
  readonly rows: Select
  readonly by: readonly string[]
  readonly order: RowOrder
}

/**
 * What decides which row is the latest, null least: `first` in turn, few and of fixed size; then `ties`, any columns at all.
 * Rows that are equal in `first` are rare, so who compares by `ties` without need pays for nothing.
 */
export interface RowOrder {
  readonly first: readonly OrderTerm[]
  readonly ties: readonly OrderTerm[]
}

/** An as-of join of two sides. The right side's columns are known by their SQL over its `from`. */
export interface AsOfParts {
  /** The table to keep the rows in. */
  readonly table: string
  readonly left: { readonly table: string; readonly row: string; readonly at: string; readonly keys: readonly string[] }
  /** The rows among which the winners are: those of `right`, or only such as have keys of the left side. */
  readonly candidates: PlacedRows
  readonly right: AnsweringRows
  /** The right rows in two parts where only some are found by an index: at one event and created time a row of `found` is the later. */
  readonly apart?: { readonly found: AnsweringRows; readonly others: AnsweringRows }
  /** Microseconds; 0n = no limit. */
  readonly ttlUs: bigint
  readonly knownByLeft: boolean
  /** Whether the right rows of a key and their event times are found without looking at the others. */
  readonly seekable: boolean
}

/** Right rows of an as-of join, with what is taken of them. */
export interface AnsweringRows extends PlacedRows {
  /** What decides between rows that stand at one place of the order. */
  readonly ties: readonly OrderTerm[]
  readonly outputs: readonly { readonly sql: string; readonly name: string }[]
  /** True where no two of them can have the same keys and event time. */
  readonly single: boolean
}

/** Rows with what says where they stand in the order of their entity. */
export interface PlacedRows {
  readonly from: string
  readonly where: readonly string[]
  readonly keys: readonly string[]
  readonly event: string
  /** Null where the rows have none. */
  readonly created: string | null
  /** Null where no row is one. */
  readonly tombstone: string | null
  /** What decides beyond event and created time, few columns of fixed size. */
  readonly rest: readonly OrderTerm[]
}

/**
 * The text of a query. Columns are always named with their table: in ORDER BY a bare name means what is selected under it,
 * not the column.
 */
export function selectText(dialect: Pick<Dialect, 'ident'>, select: Select, order: readonly string[] = []): string {
  const columns = select.columns.map((c) =>
    isColumn(c.sql, dialect.ident(c.name)) ? c.sql : `${c.sql} AS ${dialect.ident(c.name)}`,
  )
  const where = select.where.length === 0 ? '' : ` WHERE ${select.where.join(' AND ')}`
  return `SELECT ${select.distinct === true ? 'DISTINCT ' : ''}${columns.join(', ')} FROM ${select.from}${where}${order.length === 0 ? '' : ` ORDER BY ${order.join(', ')}`}`
}

/** Whether SQL is a column of that name, of some table. */
const isColumn = (sql: string, name: string): boolean =>
  sql.endsWith(`.${name}`) && /^[a-z]\w*$/.test(sql.slice(0, -name.length - 1))
