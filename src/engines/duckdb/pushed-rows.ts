import { createdColumn } from '../../define/resolved-view.ts'
import { type LogRows, type SqlInput, type Take, own } from '../../query/relation.ts'
import { type FeatureType, ownType } from '../../values/feature-type.ts'
import { sourceType, widerIntegers } from './column-type.ts'
import { ident } from './dialect.ts'
import type { LeafContext } from './leaf-context.ts'

/** Types of which a row may be pushed to a column of text cells, each read before those that it widens to. */
const cellTypes: readonly FeatureType[] = ['string', 'bool', 'int64', 'float64', 'timestamp', 'bytes']

/**
 * A query for the rows pushed to a source of user SQL, with the names and types of its own columns; undefined where there
 * are none. Tombstones are no rows. An integer may be wider than its column: a union with the rows in place widens both.
 */
export async function pushedRows(
  context: LeafContext,
  input: SqlInput,
  columns: readonly { readonly name: string; readonly type: string }[],
): Promise<string | undefined> {
  const { source } = input
  const instants = new Map<string | null, string>([
    [source.timestamp, own.event],
    [createdColumn(source), own.created],
  ])
  const taken = columns.map(({ name, type }, i) =>
    instants.has(name)
      ? []
      : typesOf(type, source.type === 'csv').map((t, j): Take => ({ column: name, as: `p${i}_${j}`, type: t })),
  )
  const leaf: LogRows = {
    kind: 'log',
    target: { kind: 'source', name: source.name },
    take: taken.flat(),
    to: ['both', 'offline'],
    ...(input.before === undefined ? {} : { before: input.before }),
  }
  const table = await context.logTable(leaf)
  if (table === null) return undefined
  const selected = columns.flatMap(({ name, type }, i) => {
    const instant = instants.get(name)
    const from = instant === undefined ? (taken[i] ?? []).map((t) => t.as) : [instant]
    return from.length === 0 ? [] : [`${inColumn(from, type)} AS ${ident(name)}`]
  })
  return `SELECT ${selected.join(', ')} FROM (${table}) AS t WHERE NOT t.${ident(own.tombstone)}`
}

function typesOf(duckType: string, cells: boolean): readonly FeatureType[] {
  if (cells) return cellTypes
  const type = sourceType(duckType)
  const pushed = ownType(type)
  return pushed === undefined ? [] : [pushed]
}

/** What was taken, in the type of the column; null where it does not fit. */
function inColumn(from: readonly string[], duckType: string): string {
  const [first, ...others] = from.map((name) => `t.${ident(name)}`)
  if (first === undefined || widerIntegers[sourceType(duckType)] !== undefined) return first ?? 'NULL'
  if (others.length === 0) return `TRY_CAST(${first} AS ${duckType})`
  return `coalesce(${[first, ...others].map((sql) => `CAST(${sql} AS ${duckType})`).join(', ')})`
}
