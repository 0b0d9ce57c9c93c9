import { assert, must } from '../kernel/assert.ts'
import type { FeatureType } from '../values/feature-type.ts'
import type { Value } from '../values/value.ts'
import { type AsOfParts, type Dialect, type OrderTerm, type Select, selectText } from './dialect.ts'
import {
  type AsOf,
  type AsOfJoin,
  type Derive,
  type InputRows,
  type LogRows,
  type Predicate,
  type Relation,
  type SourceRows,
  type SqlRows,
  type Union,
  fieldsOf,
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
  /** Least and greatest instant of used timestamp columns, where they are known. */
  readonly ranges?: ReadonlyMap<string, { readonly min: bigint; readonly max: bigint }>
}

/** A plan as SQL: tables to keep first, in order, then one query. */
export interface Compiled {
  readonly steps: readonly string[]
  readonly columns: readonly CompiledColumn[]
  readonly from: string
  readonly where: readonly string[]
  readonly order: readonly string[]
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
interface Block {
  readonly columns: readonly CompiledColumn[]
  readonly from: string
  readonly where: readonly string[]
  readonly order: readonly string[]
  /** True where it has no rows, whatever is stored. */
  readonly empty?: boolean
}

interface Context {
  readonly dialect: Dialect
  readonly leaves: Leaves
  readonly steps: string[]
}

/**
 * Compiles a plan to SQL. Each as-of join becomes a kept table of its own (so that none holds the memory of another),
 * and the query puts them beside the left rows. Pure: the same plan gives the same text.
 */
export function compile(relation: Relation, dialect: Dialect, leaves: Leaves): Compiled {
  const context: Context = { dialect, leaves, steps: [] }
  const { columns, from, where, order } = blockOf(relation, context, [])
  return { steps: context.steps, columns, from, where, order }
}

/** The text of a compiled plan's query; `columns` replaces what it selects. */
export function queryText(dialect: Dialect, compiled: Compiled, columns?: Select['columns']): string {
  return selectText(
    dialect,
    { columns: columns ?? compiled.columns, from: compiled.from, where: compiled.where },
    compiled.order,
  )
}

function blockOf(relation: Relation, context: Context, narrow: readonly Predicate[]): Block {
  const { dialect } = context
  switch (relation.kind) {
    case 'source':
    case 'sql':
    case 'log':
      return leafBlock(relation, context, narrow)
    case 'input':
      return inputBlock(relation, context)
    case 'derive':
      return deriveBlock(relation, context, narrow)
    case 'filter': {
      const input = blockOf(relation.input, context, [...conjuncts(relation.where), ...narrow])
      return {
        ...input,
        where: [...input.where, ...conjuncts(relation.where).map((p) => predicateText(p, input, dialect))],
      }
    }
    case 'union':
      return unionBlock(relation, context, narrow)
    case 'latest': {
      const input = blockOf(relation.input, context, [])
      const by = relation.by.map((name) => columnOf(input, name).sql)
      return wrapped(input, dialect.latest(select(input), by, orderTerms(input, relation.order)), dialect)
    }
    case 'semi': {
      const input = blockOf(relation.input, context, narrow)
      const among = blockOf(relation.among, context, [])
      const named = wrapped(input, selectText(dialect, select(input)), dialect, 'l')
      const pairs = relation.keys.map((name) => {
        const key = columnOf(named, name)
        return `${comparableOf({ ...key, sql: `r.${dialect.ident(name)}` }, dialect)} = ${comparableOf(key, dialect)}`
      })
      const inner = `SELECT 1 FROM (${selectText(dialect, select(among))}) AS r${pairs.length === 0 ? '' : ` WHERE ${pairs.join(' AND ')}`}`
      return { ...named, where: [`EXISTS (${inner})`] }
    }
    case 'distinct': {
      const input = blockOf(relation.input, context, narrow)
      return wrapped(input, selectText(dialect, { ...select(input), distinct: true }), dialect)
    }
    case 'sort': {
      const input = blockOf(relation.input, context, narrow)
      const order = relation.by.map((name) => columnOf(input, name)).filter((c) => c.constant === undefined)
      return { ...input, order: order.map((c) => `${comparableOf(c, dialect)} ASC NULLS FIRST`) }
    }
    case 'count': {
      const input = blockOf(relation.input, context, [])
      const query = selectText(dialect, {
        columns: [{ sql: dialect.literal('int64', 1n), name: 'x' }],
        from: input.from,
        where: input.where,
      })
      const type = dialect.typeName('int64')
      return {
        columns: [{ name: 'rows', type: 'int64', sql: `CAST(count(*) AS ${type})` }],
        from: `(${query}) AS t`,
        where: [],
        order: [],
      }
    }
    case 'asOf':
      return asOfBlock(relation, context)
  }
}

function leafBlock(leaf: SourceRows | SqlRows | LogRows, context: Context, narrow: readonly Predicate[]): Block {
  const { dialect } = context
  const fields = fieldsOf(leaf)
  const table = context.leaves.rows(leaf, narrow)
  if (table === null) return emptyBlock(fields, dialect)
  return {
    columns: fields.map((f) => ({ ...f, sql: dialect.ident(f.name) })),
    from: `(${table}) AS t`,
    where: [],
    order: [],
  }
}

function emptyBlock(fields: readonly { name: string; type: FeatureType }[], dialect: Dialect): Block {
  const columns = fields.map((f) => ({ ...f, sql: dialect.literal(f.type, null), constant: { value: null } }))
  return { columns, from: '(SELECT 1 AS one) AS t', where: ['false'], order: [], empty: true }
}

function inputBlock(leaf: InputRows, context: Context): Block {
  const table = context.leaves.input(leaf)
  const types = new Map(leaf.uses.map((use) => [use.name, use.type]))
  const columns = table.columns.map((c): CompiledColumn => {
    const type = types.get(c.name)
    if (type === undefined)
      return { name: c.name, type: c.type, sql: context.dialect.ident(c.column), inputColumn: c.name }
    return {
      name: c.name,
      type,
      sql: context.dialect.ident(must(table.used.get(c.name), `the input has ${c.name}`)),
      inputColumn: c.name,
    }
  })
  return { columns, from: context.dialect.ident(table.table), where: [], order: [context.dialect.ident(table.row)] }
}

function deriveBlock(relation: Derive, context: Context, narrow: readonly Predicate[]): Block {
  const sources = new Map(relation.columns.flatMap((c) => ('column' in c ? [[c.as, c.column]] : [])))
  const input = blockOf(
    relation.input,
    context,
    narrow.flatMap((p) => renamed(p, sources) ?? []),
  )
  const columns = relation.columns.map((c): CompiledColumn =>
    'column' in c
      ? { ...columnOf(input, c.column), name: c.as }
      : { name: c.as, type: c.type, sql: context.dialect.literal(c.type, c.constant), constant: { value: c.constant } },
  )
  return { ...input, columns }
}

function unionBlock(relation: Union, context: Context, narrow: readonly Predicate[]): Block {
  const all = relation.inputs.map((input) => blockOf(input, context, narrow))
  const parts = all.filter((part) => part.empty !== true)
  const first = parts[0] ?? all[0]
  if (first === undefined || parts.length <= 1) return first ?? emptyBlock([], context.dialect)
  const names = must(all[0], 'a union has inputs').columns.map((c) => c.name)
  const text = parts.map((part) => selectText(context.dialect, select(part, names))).join(' UNION ALL ')
  const columns = names.map((name): CompiledColumn => {
    const column = columnOf(first, name)
    const same = parts.every((part) => sameConstant(columnOf(part, name), column))
    return {
      name,
      type: column.type,
      sql: context.dialect.ident(name),
      ...(same && column.constant !== undefined ? { constant: column.constant } : {}),
    }
  })
  return { columns, from: `(${text}) AS t`, where: [], order: [] }
}

function asOfBlock(relation: AsOf, context: Context): Block {
  const { dialect, steps } = context
  const left = context.leaves.input(relation.left)
  const columns: CompiledColumn[] = left.columns.map((c) => ({
    name: c.name,
    type: c.type,
    sql: `s.${dialect.ident(c.column)}`,
    inputColumn: c.name,
  }))
  const others: { table: string; alias: string }[] = []
  for (const join of relation.joins) {
    const right = rightOf(relation, join, context)
    const types = new Map(fieldsOf(join.right).map((f) => [f.name, f.type]))
    const alias = `j${steps.length}`
    if (right.empty !== true) {
      const table = `_as_of_${steps.length}`
      steps.push(dialect.keep(table, dialect.asOf(asOfParts(relation, join, { left, right, dialect }))))
      others.push({ table, alias })
    }
    for (const [i, output] of join.outputs.entries()) {
      const type = must(types.get(output.column), `the right side has ${output.column}`)
      const sql = right.empty === true ? dialect.literal(type, null) : `${alias}.${dialect.ident(`o${i}`)}`
      columns.push({ name: output.as, type, sql })
    }
  }
  const { from, order } = dialect.together({ table: left.table, alias: 's' }, others, left.row)
  return { columns, from, where: [], order }
}

/** The right side, without the rows that no left row can see. */
function rightOf(relation: AsOf, join: AsOfJoin, context: Context): Block {
  const range = context.leaves.input(relation.left).ranges?.get(relation.at)
  if (range === undefined) return blockOf(join.right, context, [])
  const event = (op: '<=' | '>=', value: bigint): Predicate => ({ op, column: own.event, type: 'timestamp', value })
  const all = [event('<=', range.max), ...(join.ttlUs === 0n ? [] : [event('>=', range.min - join.ttlUs)])]
  return blockOf({ kind: 'filter', input: join.right, where: { op: 'and', all } }, context, [])
}

function asOfParts(
  relation: AsOf,
  join: AsOfJoin,
  sides: { left: InputTable; right: Block; dialect: Dialect },
): AsOfParts {
  const { left, right, dialect } = sides
  const [event, created, ...rest] = join.order
  assert(event === own.event && created === own.created, 'an as-of join orders by event and created time first')
  const used = (name: string): string => must(left.used.get(name), `the input has ${name}`)
  const variable = (name: string): string | null => {
    const column = right.columns.find((c) => c.name === name)
    return column === undefined || (column.constant !== undefined && column.constant.value !== true) ? null : column.sql
  }
  return {
    left: { table: left.table, row: left.row, at: used(relation.at), keys: join.on.map((on) => used(on.left)) },
    right: {
      from: right.from,
      where: right.where,
      keys: join.on.map((on) => comparableOf(columnOf(right, on.right), dialect)),
      event: columnOf(right, own.event).sql,
      created: variable(own.created),
      tombstone: variable(own.tombstone),
      rest: orderTerms(right, rest),
      outputs: join.outputs.map((o, i) => ({ sql: columnOf(right, o.column).sql, name: `o${i}` })),
    },
    ttlUs: join.ttlUs,
    knownByLeft: join.knownByLeft,
  }
}

const neverNull: ReadonlySet<string> = new Set([own.event, own.reading, own.tie, own.tombstone])

/** Columns that are the same in all rows decide nothing. */
function orderTerms(block: Block, order: readonly string[]): OrderTerm[] {
  return order.flatMap((name) => {
    const column = columnOf(block, name)
    return column.constant === undefined
      ? [{ sql: column.sql, type: typeOf(column), nullable: !neverNull.has(name) }]
      : []
  })
}

function wrapped(input: Block, text: string, dialect: Dialect, alias = 't'): Block {
  const columns = input.columns.map((c) => ({ ...c, sql: `${alias}.${dialect.ident(c.name)}` }))
  return { columns, from: `(${text}) AS ${alias}`, where: [], order: [] }
}

function select(block: Block, names?: readonly string[]): Select {
  return { columns: names?.map((name) => columnOf(block, name)) ?? block.columns, from: block.from, where: block.where }
}

function predicateText(predicate: Predicate, block: Block, dialect: Dialect): string {
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

const conjuncts = (predicate: Predicate): readonly Predicate[] =>
  predicate.op === 'and' ? predicate.all.flatMap(conjuncts) : [predicate]

/** The predicate in the names of a derive's input; undefined where it speaks of a column that is not there. */
function renamed(predicate: Predicate, sources: ReadonlyMap<string, string>): Predicate | undefined {
  if ('all' in predicate) {
    const all = predicate.all.map((p) => renamed(p, sources))
    return all.includes(undefined) ? undefined : { op: predicate.op, all: all.flatMap((p) => p ?? []) }
  }
  const column = sources.get(predicate.column)
  return column === undefined ? undefined : { ...predicate, column }
}

function sameConstant(a: CompiledColumn, b: CompiledColumn): boolean {
  return a.constant !== undefined && b.constant !== undefined && Object.is(a.constant.value, b.constant.value)
}

function columnOf(block: Block, name: string): CompiledColumn {
  return must(
    block.columns.find((c) => c.name === name),
    `the plan has a column ${name}`,
  )
}

const comparableOf = (column: CompiledColumn, dialect: Dialect): string =>
  dialect.comparable(column.sql, typeOf(column))

const typeOf = (column: CompiledColumn): FeatureType =>
  must(column.type, `the column ${column.name} has a type of ours`)
