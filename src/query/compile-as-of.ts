import { assert, must } from '../kernel/assert.ts'
import {
  type Block,
  type CompiledColumn,
  type Context,
  type InputTable,
  columnOf,
  equatableOf,
  rowOrder,
} from './block.ts'
import type { AnsweringRows, AsOfParts, Dialect, KeptTable, PlacedRows } from './dialect.ts'
import { leavesOf } from './leaves.ts'
import { type AsOf, type AsOfJoin, type Predicate, type Relation, fieldsOf, own } from './relation.ts'
import { unionOf } from './view-rows.ts'

/** The greatest left side whose keys are looked up among the candidates first: it saves two thirds where few rows match, and costs nothing measurable. */
const fewRows = 200_000

/** Each join becomes a kept table of its own; the query puts them beside the left rows. */
export function asOfBlock(relation: AsOf, context: Context): Block {
  const { dialect, steps } = context
  const left = context.leaves.input(relation.left)
  const columns: CompiledColumn[] = left.columns.map((c) => ({
    name: c.name,
    type: c.type,
    sql: `s.${dialect.ident(c.column)}`,
    inputColumn: c.name,
  }))
  const others: KeptTable[] = []
  for (const join of relation.joins) {
    // Who looks rows up one by one looks at none too many, and an end of its range more leads planners astray.
    const needed = isFound(join.right, context) ? join.right : neededRows(relation, join, left)
    const right = context.blockOf(needed, context, [])
    const types = new Map(fieldsOf(join.right).map((f) => [f.name, f.type]))
    const alias = `j${steps.length}`
    if (right.empty !== true) {
      const table = `_as_of_${steps.length}`
      const near = nearRows(relation, join, { needed, left })
      const candidates = near === needed ? right : context.blockOf(near, context, [])
      const apart = apartOf(join.right, needed, context)
      steps.push(...dialect.asOf(asOfParts(relation, join, { table, left, candidates, right, apart, context })))
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

/** The rows of the right side at instants that some left row can see. */
function neededRows(relation: AsOf, join: AsOfJoin, left: InputTable): Relation {
  const range = left.ranges?.get(relation.at)
  if (range === undefined) return join.right
  const event = (op: '<=' | '>=', value: bigint): Predicate => ({ op, column: own.event, type: 'timestamp', value })
  const all = [event('<=', range.max), ...(join.ttlUs === 0n ? [] : [event('>=', range.min - join.ttlUs)])]
  return { kind: 'filter', input: join.right, where: { op: 'and', all } }
}

/** Of those, the rows with keys of the left side, where that is small. */
function nearRows(relation: AsOf, join: AsOfJoin, { needed, left }: { needed: Relation; left: InputTable }): Relation {
  if (left.rows === undefined || left.rows > fewRows || join.on.length === 0) return needed
  const keys = join.on.map((on) => ({ as: on.right, column: on.left }))
  return {
    kind: 'semi',
    input: needed,
    keys: keys.map((k) => k.as),
    among: { kind: 'derive', input: relation.left, columns: keys },
  }
}

interface Apart {
  readonly found: Block
  readonly others: Block
  readonly single: boolean
}

/** Rows that an index finds, and the rest, where both are there: one index is of no use for both together. */
function apartOf(right: Relation, needed: Relation, context: Context): Apart | undefined {
  const groups = [
    partsOf(right).filter((part) => isFound(part, context)),
    partsOf(needed).filter((part) => !isFound(part, context)),
  ]
  if (groups.some((group) => group.length === 0)) return undefined
  const [seekable, rest] = groups.map(unionOf)
  if (seekable === undefined || rest === undefined) return undefined
  const [found, others] = [seekable, rest].map((rows) => context.blockOf(rows, context, []))
  if (found === undefined || others === undefined || found.empty === true || others.empty === true) return undefined
  const [first, second] = [found, others].map((block) => columnOf(block, own.reading).constant?.value)
  return typeof first === 'bigint' && typeof second === 'bigint' && first > second
    ? { found, others, single: isSingle(seekable, context) }
    : undefined
}

const isFound = (rows: Relation, { leaves }: Context): boolean =>
  leavesOf(rows).every((leaf) => leaf.kind !== 'input' && leaves.seeks?.(leaf) === true)

/** Rows of one leaf that has none twice. */
function isSingle(rows: Relation, { leaves }: Context): boolean {
  if (leaves.single === undefined) return false
  const there = leavesOf(rows).filter((leaf) => leaf.kind === 'input' || leaves.rows(leaf, []) !== null)
  return there.length <= 1 && there.every((leaf) => leaf.kind !== 'input' && leaves.single?.(leaf) === true)
}

/** Relations whose rows together are those of one. */
function partsOf(rows: Relation): Relation[] {
  if (rows.kind === 'union') return rows.inputs.flatMap(partsOf)
  if (rows.kind === 'filter' || rows.kind === 'derive') return partsOf(rows.input).map((input) => ({ ...rows, input }))
  return [rows]
}

function asOfParts(
  relation: AsOf,
  join: AsOfJoin,
  sides: {
    table: string
    left: InputTable
    candidates: Block
    right: Block
    apart: Apart | undefined
    context: Context
  },
): AsOfParts {
  const { table, left, right, apart, context } = sides
  const { dialect } = context
  const answering = (block: Block, single: boolean): AnsweringRows => ({
    ...placedRows(join, block, dialect),
    single,
    ties: rowOrder(block, join.order).ties,
    outputs: join.outputs.map((o, i) => ({ sql: columnOf(block, o.column).sql, name: `o${i}` })),
  })
  const used = (name: string): string => must(left.used.get(name), `the input has ${name}`)
  return {
    table,
    left: { table: left.table, row: left.row, at: used(relation.at), keys: join.on.map((on) => used(on.left)) },
    candidates: placedRows(join, sides.candidates, dialect),
    right: answering(right, isSingle(join.right, context)),
    ...(apart === undefined
      ? {}
      : { apart: { found: answering(apart.found, apart.single), others: answering(apart.others, false) } }),
    ttlUs: join.ttlUs,
    knownByLeft: join.knownByLeft,
    seekable: isFound(join.right, context),
  }
}

function placedRows(join: AsOfJoin, block: Block, dialect: Dialect): PlacedRows {
  const [event, created, ...rest] = join.order
  assert(event === own.event && created === own.created, 'an as-of join orders by event and created time first')
  const variable = (name: string): string | null => {
    const column = block.columns.find((c) => c.name === name)
    return column === undefined || (column.constant !== undefined && column.constant.value !== true) ? null : column.sql
  }
  return {
    from: block.from,
    where: block.where,
    keys: join.on.map((on) => equatableOf(columnOf(block, on.right), dialect)),
    event: columnOf(block, own.event).sql,
    created: variable(own.created),
    tombstone: variable(own.tombstone),
    rest: rowOrder(block, rest).first,
  }
}
