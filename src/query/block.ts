import { must } from '../kernel/assert.ts'
import type { FeatureType } from '../values/feature-type.ts'
import type { Value } from '../values/value.ts'
import type { Dialect, OrderTerm, RowOrder, Select, Step } from './dialect.ts'
import {
  type InputRows,
  type LogRows,
  type Predicate,
  type Relation,
  type SourceRows,
  type SqlRows,
  own,
} from './relation.ts'

/** What the engine knows of a plan's leaves, looked up before compiling. */
export interface Leaves {
  /**
   * A table expression whose columns are those of `fieldsOf(leaf)`, by name; null where the leaf has no rows.
   * Rows for which `narrow` is not true are not asked for: leaving them out is allowed, and what it saves is reading.
   */
  rows(leaf: SourceRows | SqlRows | LogRows, narrow: readonly Predicate[]): string | null
  input(leaf: InputRows): InputTable
  /** Whether the rows of a leaf are found by the keys of the join that reads it and their event times, without looking at the others. */
  seeks?(leaf: SourceRows | SqlRows | LogRows): boolean
  /** Whether no two rows of a leaf have the same keys of the join that reads it and the same event time. */
  single?(leaf: SourceRows | SqlRows | LogRows): boolean
}

/** Rows that the caller brought, in a table. The names of its columns are the engine's, so that no user name can collide. */
export interface InputTable {
  readonly table: string
  /** The column that numbers the rows, in order. */
  readonly row: string
  /** All columns, as they come back. Type null: not one of ours. */
  readonly columns: readonly { readonly name: string; readonly column: string; readonly type: FeatureType | null }[]
  /** The columns that the plan uses, read as their types. */
  readonly used: ReadonlyMap<string, string>
  /** How many rows it has, and the least and greatest instant of used timestamp columns: what saves reading where it is known. */
  readonly rows?: number
  readonly ranges?: ReadonlyMap<string, { readonly min: bigint; readonly max: bigint }>
}

/** One column of a query: its name in the plan and its SQL. */
export interface CompiledColumn {
  readonly name: string
  /** Null: a column of an input that is not one of ours. */
  readonly type: FeatureType | null
  readonly sql: string
  /** The column of an input that it is, just as it came. */
  readonly inputColumn?: string
  /** There where it is the same in all rows. */
  readonly constant?: { readonly value: Value | null }
}

/** A query under construction: filters and projections fold into it, everything else wraps it. */
export interface Block {
  readonly columns: readonly CompiledColumn[]
  readonly from: string
  readonly where: readonly string[]
  readonly order: readonly string[]
  /** True where it has no rows, whatever is stored. */
  readonly empty?: boolean
}

/** What compiling carries along. */
export interface Context {
  readonly dialect: Dialect
  readonly leaves: Leaves
  /** Statements that come before the query. */
  readonly steps: Step[]
  /** Compiles a relation; rows for which `narrow` is not true are not asked for. */
  readonly blockOf: (relation: Relation, context: Context, narrow: readonly Predicate[]) => Block
}

/** A query without rows. */
export function emptyBlock(fields: readonly { name: string; type: FeatureType }[], dialect: Dialect): Block {
  const columns = fields.map((f) => ({ ...f, sql: dialect.literal(f.type, null), constant: { value: null } }))
  return { columns, from: '(SELECT 1 AS one) AS t', where: ['false'], order: [], empty: true }
}

const neverNull: ReadonlySet<string> = new Set([own.event, own.reading, own.tie, own.tombstone])

/** Provender's own columns, which come first and are short, and what settles the ties that they leave. */
export function rowOrder(block: Block, order: readonly string[]): RowOrder {
  const owned = order.findIndex((name) => !ownNames.has(name))
  const split = owned === -1 ? order.length : owned
  return { first: orderTerms(block, order.slice(0, split)), ties: orderTerms(block, order.slice(split)) }
}

const ownNames: ReadonlySet<string> = new Set(Object.values(own))

/** Columns that are the same in all rows decide nothing. */
function orderTerms(block: Block, order: readonly string[]): OrderTerm[] {
  return order.flatMap((name) => {
    const column = columnOf(block, name)
    return column.constant === undefined
      ? [{ sql: column.sql, type: typeOf(column), nullable: !neverNull.has(name) }]
      : []
  })
}

export function wrapped(input: Block, text: string, dialect: Dialect, alias = 't'): Block {
  const columns = input.columns.map((c) => ({ ...c, sql: `${alias}.${dialect.ident(c.name)}` }))
  return { columns, from: `(${text}) AS ${alias}`, where: [], order: [] }
}

export function select(block: Block, names?: readonly string[]): Select {
  return { columns: names?.map((name) => columnOf(block, name)) ?? block.columns, from: block.from, where: block.where }
}

export function predicateText(predicate: Predicate, block: Block, dialect: Dialect): string {
  switch (predicate.op) {
    case 'and':
    case 'or': {
      if (predicate.all.length === 0) return predicate.op === 'and' ? 'true' : 'false'
      return `(${predicate.all.map((p) => predicateText(p, block, dialect)).join(predicate.op === 'and' ? ' AND ' : ' OR ')})`
    }
    case 'is null':
      return `${columnOf(block, predicate.column).sql} IS NULL`
    case 'is not null':
      return `${columnOf(block, predicate.column).sql} IS NOT NULL`
    default: {
      const sql = dialect.comparable(columnOf(block, predicate.column).sql, predicate.type)
      return `${sql} ${predicate.op} ${dialect.comparable(dialect.literal(predicate.type, predicate.value), predicate.type)}`
    }
  }
}

export const conjuncts = (predicate: Predicate): readonly Predicate[] =>
  predicate.op === 'and' ? predicate.all.flatMap(conjuncts) : [predicate]

/** The predicate in the names of a derive's input; undefined where it speaks of a column that is not there. */
export function renamed(predicate: Predicate, sources: ReadonlyMap<string, string>): Predicate | undefined {
  if ('all' in predicate) {
    const all = predicate.all.map((p) => renamed(p, sources))
    return all.includes(undefined) ? undefined : { op: predicate.op, all: all.flatMap((p) => p ?? []) }
  }
  const column = sources.get(predicate.column)
  return column === undefined ? undefined : { ...predicate, column }
}

export function sameConstant(a: CompiledColumn, b: CompiledColumn): boolean {
  return a.constant !== undefined && b.constant !== undefined && Object.is(a.constant.value, b.constant.value)
}

export function columnOf(block: Block, name: string): CompiledColumn {
  return must(
    block.columns.find((c) => c.name === name),
    `the plan has a column ${name}`,
  )
}

export const comparableOf = (column: CompiledColumn, dialect: Dialect): string =>
  dialect.comparable(column.sql, typeOf(column))

/** As `comparableOf`, where two values are only held to be equal or not. */
export const equatableOf = (column: CompiledColumn, dialect: Dialect): string =>
  dialect.equatable(column.sql, typeOf(column))

const typeOf = (column: CompiledColumn): FeatureType =>
  must(column.type, `the column ${column.name} has a type of ours`)
