import { assert, must } from '../../kernel/assert.ts'
import type { AsOf, AsOfJoin, Beside, Predicate, Relation } from '../../query/relation.ts'
import { fieldsOf, own } from '../../query/relation.ts'
import type { FeatureType } from '../../values/feature-type.ts'
import { type Value, compareValues } from '../../values/value.ts'
import type { Field } from '../../values/batch.ts'

/** Rows in memory: `rows[i][j]` is of `fields[j]`. */
export interface Rows {
  readonly fields: readonly Field[]
  readonly rows: readonly (readonly (Value | null)[])[]
}

/** The leaves of a plan, already read. */
export type Leaves = (leaf: Extract<Relation, { kind: 'source' | 'sql' | 'log' | 'input' }>) => Rows

/** Evaluates a plan row by row, in the plainest way: the executable specification of every node. */
export function evaluate(relation: Relation, leaves: Leaves): Rows {
  switch (relation.kind) {
    case 'source':
    case 'sql':
    case 'log':
    case 'input':
      return leaves(relation)
    case 'derive': {
      const input = evaluate(relation.input, leaves)
      const pick = relation.columns.map((c) => ('column' in c ? indexOf(input, c.column) : -1))
      return {
        fields: fieldsOf(relation),
        rows: input.rows.map((row) =>
          relation.columns.map((c, i) => ('column' in c ? (row[pick[i] ?? -1] ?? null) : c.constant)),
        ),
      }
    }
    case 'filter': {
      const input = evaluate(relation.input, leaves)
      return { fields: input.fields, rows: input.rows.filter((row) => holds(relation.where, input, row)) }
    }
    case 'union': {
      const inputs = relation.inputs.map((i) => evaluate(i, leaves))
      const fields = must(inputs[0], 'a union has inputs').fields
      return {
        fields,
        rows: inputs.flatMap(
          (input) =>
            project(
              input,
              fields.map((f) => f.name),
            ).rows,
        ),
      }
    }
    case 'latest':
      return latest(evaluate(relation.input, leaves), relation.by, relation.order)
    case 'semi': {
      const input = evaluate(relation.input, leaves)
      const among = evaluate(relation.among, leaves)
      const wanted = new Set(among.rows.map((row) => groupKey(among, row, relation.keys)))
      return { fields: input.fields, rows: input.rows.filter((row) => wanted.has(groupKey(input, row, relation.keys))) }
    }
    case 'distinct': {
      const input = evaluate(relation.input, leaves)
      const names = input.fields.map((f) => f.name)
      const seen = new Map(input.rows.map((row) => [groupKey(input, row, names), row]))
      return { fields: input.fields, rows: [...seen.values()] }
    }
    case 'sort': {
      const input = evaluate(relation.input, leaves)
      return { fields: input.fields, rows: input.rows.toSorted((a, b) => compareRows(input, relation.by, a, b)) }
    }
    case 'count':
      return { fields: fieldsOf(relation), rows: [[BigInt(evaluate(relation.input, leaves).rows.length)]] }
    case 'asOf':
      return asOf(relation, leaves)
    case 'beside':
      return beside(relation, leaves)
  }
}

function beside(relation: Beside, leaves: Leaves): Rows {
  const left = evaluate(relation.left, leaves)
  const used = relation.right.uses.map((use) => use.name)
  const right = project(evaluate(relation.right, leaves), used)
  assert(left.rows.length === right.rows.length, 'both sides have as many rows')
  return {
    fields: [...left.fields, ...right.fields],
    rows: left.rows.map((row, i) => [...row, ...(right.rows[i] ?? [])]),
  }
}

function asOf(plan: AsOf, leaves: Leaves): Rows {
  const left = evaluate(plan.left, leaves)
  let rows = left.rows
  const fields: Field[] = [...left.fields]
  for (const join of plan.joins) {
    const right = evaluate(join.right, leaves)
    const types = new Map(right.fields.map((f) => [f.name, f.type]))
    fields.push(...join.outputs.map((o) => ({ name: o.as, type: must(types.get(o.column), o.column) })))
    const winners = left.rows.map((row) => winner(plan, join, { left, row, right }))
    rows = rows.map((row, i) => [...row, ...join.outputs.map((o) => winners[i]?.[indexOf(right, o.column)] ?? null)])
  }
  return { fields, rows }
}

/** The latest right row at or before the left row's instant, or undefined: none, a tombstone, or too old. */
function winner(
  plan: AsOf,
  join: AsOfJoin,
  at: { left: Rows; row: Rows['rows'][number]; right: Rows },
): Rows['rows'][number] | undefined {
  const { left, row, right } = at
  const instant = row[indexOf(left, plan.at)]
  assert(typeof instant === 'bigint', 'a spine row has an instant')
  let best: Rows['rows'][number] | undefined
  for (const candidate of right.rows) {
    const event = candidate[indexOf(right, own.event)]
    if (typeof event !== 'bigint' || event > instant) continue
    if (join.knownByLeft) {
      const created = candidate[indexOf(right, own.created)]
      if (typeof created !== 'bigint' || created > instant) continue
    }
    const matches = join.on.every((on) => {
      const a = row[indexOf(left, on.left)] ?? null
      const b = candidate[indexOf(right, on.right)] ?? null
      return a !== null && b !== null && compareValues(typeOf(right, on.right), a, b) === 0
    })
    if (matches && (best === undefined || compareRows(right, join.order, candidate, best) > 0)) best = candidate
  }
  if (best === undefined || best[indexOf(right, own.tombstone)] === true) return undefined
  const event = best[indexOf(right, own.event)]
  return join.ttlUs !== 0n && typeof event === 'bigint' && event < instant - join.ttlUs ? undefined : best
}

function latest(input: Rows, by: readonly string[], order: readonly string[]): Rows {
  const groups = new Map<string, Rows['rows'][number]>()
  for (const row of input.rows) {
    const key = groupKey(input, row, by)
    const best = groups.get(key)
    if (best === undefined || compareRows(input, order, row, best) > 0) groups.set(key, row)
  }
  return { fields: input.fields, rows: [...groups.values()] }
}

function holds(where: Predicate, input: Rows, row: Rows['rows'][number]): boolean {
  switch (where.op) {
    case 'and':
      return where.all.every((p) => holds(p, input, row))
    case 'or':
      return where.all.some((p) => holds(p, input, row))
    case 'is null':
      return (row[indexOf(input, where.column)] ?? null) === null
    case 'is not null':
      return (row[indexOf(input, where.column)] ?? null) !== null
    default: {
      const value = row[indexOf(input, where.column)] ?? null
      if (value === null) return false
      const order = compareValues(where.type, value, where.value)
      return {
        '<': order < 0,
        '<=': order <= 0,
        '>': order > 0,
        '>=': order >= 0,
        '=': order === 0,
        '<>': order !== 0,
      }[where.op]
    }
  }
}

function compareRows(rows: Rows, by: readonly string[], a: Rows['rows'][number], b: Rows['rows'][number]): number {
  for (const column of by) {
    const order = compareValues(
      typeOf(rows, column),
      a[indexOf(rows, column)] ?? null,
      b[indexOf(rows, column)] ?? null,
    )
    if (order !== 0) return order
  }
  return 0
}

/** Columns as one text that no other values share; −0 and 0 are one, NaN is one. */
function groupKey(rows: Rows, row: Rows['rows'][number], columns: readonly string[]): string {
  return JSON.stringify(columns.map((c) => plain(row[indexOf(rows, c)] ?? null)))
}

function plain(value: Value | null): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'bigint') return `${value}`
  if (typeof value === 'number') return [`${value}`]
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('base64') }
  return { list: value.map(plain) }
}

function project(input: Rows, columns: readonly string[]): Rows {
  const pick = columns.map((c) => indexOf(input, c))
  return {
    fields: pick.map((i) => must(input.fields[i], 'a column')),
    rows: input.rows.map((row) => pick.map((i) => row[i] ?? null)),
  }
}

function indexOf(rows: Rows, column: string): number {
  const i = rows.fields.findIndex((f) => f.name === column)
  assert(i >= 0, `the rows have a column ${column}`)
  return i
}

function typeOf(rows: Rows, column: string): FeatureType {
  const type = rows.fields[indexOf(rows, column)]?.type
  assert(typeof type === 'string', `the column ${column} has a type of ours`)
  return type
}
