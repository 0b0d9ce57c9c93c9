import { assert, must } from '../kernel/assert.ts'
import {
  type Block,
  type CompiledColumn,
  type Context,
  type InputTable,
  columnOf,
  equatableOf,
  orderTerms,
} from './block.ts'
import type { AsOfParts, KeptTable } from './dialect.ts'
import {
  type AsOf,
  type AsOfJoin,
  type LogRows,
  type Predicate,
  type Relation,
  type SourceRows,
  type SqlRows,
  fieldsOf,
  own,
} from './relation.ts'
import { leavesOf } from './leaves.ts'

/** The greatest left side whose keys are looked up in the right side first: it saves half where few rows match, and costs nothing measurable. */
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
    const right = context.blockOf(neededRows(relation, join, left), context, [])
    const types = new Map(fieldsOf(join.right).map((f) => [f.name, f.type]))
    const alias = `j${steps.length}`
    if (right.empty !== true) {
      const table = `_as_of_${steps.length}`
      steps.push(dialect.keep(table, dialect.asOf(asOfParts(relation, join, { left, right, context }))))
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

/** The rows of the right side that some left row can see. */
function neededRows(relation: AsOf, join: AsOfJoin, left: InputTable): Relation {
  const range = left.ranges?.get(relation.at)
  let needed = join.right
  if (range !== undefined) {
    const event = (op: '<=' | '>=', value: bigint): Predicate => ({ op, column: own.event, type: 'timestamp', value })
    const all = [event('<=', range.max), ...(join.ttlUs === 0n ? [] : [event('>=', range.min - join.ttlUs)])]
    needed = { kind: 'filter', input: needed, where: { op: 'and', all } }
  }
  if (left.rows === undefined || left.rows > fewRows || join.on.length === 0) return needed
  const keys = join.on.map((on) => ({ as: on.right, column: on.left }))
  return {
    kind: 'semi',
    input: needed,
    keys: keys.map((k) => k.as),
    among: { kind: 'derive', input: relation.left, columns: keys },
  }
}

function asOfParts(
  relation: AsOf,
  join: AsOfJoin,
  sides: { left: InputTable; right: Block; context: Context },
): AsOfParts {
  const { left, right, context } = sides
  const { dialect, leaves } = context
  const seeks = (leaf: SourceRows | SqlRows | LogRows, keys: readonly string[]): boolean =>
    leaves.seeks?.(leaf, keys) ?? false
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
      keys: join.on.map((on) => equatableOf(columnOf(right, on.right), dialect)),
      event: columnOf(right, own.event).sql,
      created: variable(own.created),
      tombstone: variable(own.tombstone),
      rest: orderTerms(right, rest),
      outputs: join.outputs.map((o, i) => ({ sql: columnOf(right, o.column).sql, name: `o${i}` })),
    },
    ttlUs: join.ttlUs,
    knownByLeft: join.knownByLeft,
    seekable: leavesOf(join.right).every((leaf) =>
      leaf.kind === 'input'
        ? false
        : seeks(
            leaf,
            join.on.map((on) => on.right),
          ),
    ),
  }
}
