import type pg from 'pg'
import { type Call, checkCall } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import type { OfflineStore, SpineInput } from '../../ports/offline.ts'
import type { InputTable } from '../../query/block.ts'
import type { InputRows } from '../../query/relation.ts'
import type { Batch } from '../../values/batch.ts'
import type { FeatureType } from '../../values/feature-type.ts'
import type { Value } from '../../values/value.ts'
import { copyIn } from './copy-in.ts'
import { ident, typeName } from './dialect.ts'
import { arrayText, valueText } from './text-value.ts'
import { quote } from './dialect.ts'

/** The number of a row within its input, from 0. */
export const rowColumn = '_row'

/** The columns of a spine that a plan uses, read by an engine that reads files. All else of it stays here. */
export interface UsedRows {
  readonly leaf: InputRows
  batches(): AsyncGenerator<Batch>
}

/** The used columns of what a query brings. @throws as the local engine: what is wrong with the spine. */
export function usedRows(local: OfflineStore, leaf: InputRows, spine: SpineInput, call: Call | undefined): UsedRows {
  return {
    leaf,
    async *batches() {
      const columns = leaf.uses.map(({ name }) => ({ as: name, column: name }))
      const plan = { kind: 'derive', input: leaf, columns } as const
      await using result = await local.query({ plan, inputs: new Map([[leaf.name, spine]]) }, call)
      for await (const batch of result.batches()) {
        checkCall(call)
        yield batch
      }
    },
  }
}

/** A spine as the plan sees it, and its text where it stands in the query itself. */
export interface PlacedSpine {
  readonly table: InputTable
  /** What stands before the query as its table; absent where it has one of its own. */
  readonly cte?: string
}

interface Seen {
  rows: number
  missing: number
  firstMissing: number
  min?: bigint
  max?: bigint
}

/** Counts rows, and looks at the instants of one column. */
function look(seen: Seen, at: number, { rows, columns }: Batch): void {
  const instants = at === -1 ? undefined : columns[at]
  for (let i = 0; instants !== undefined && i < rows; i++) {
    const instant = instants[i] ?? null
    if (instant === null) {
      seen.missing += 1
      if (seen.missing === 1) seen.firstMissing = seen.rows + i + 1
    } else if (typeof instant === 'bigint') {
      if (seen.min === undefined || instant < seen.min) seen.min = instant
      if (seen.max === undefined || instant > seen.max) seen.max = instant
    }
  }
  seen.rows += rows
}

function placed(leaf: InputRows, table: string, seen: Seen, at: string | undefined): InputTable {
  if (seen.missing > 0)
    throw fail(
      'MISSING_TIMESTAMP',
      `${seen.missing} of ${seen.rows} rows have no timestamp in "${at ?? ''}"; the first is row ${seen.firstMissing}, counted from 1`,
    )
  const range =
    seen.min === undefined || seen.max === undefined || at === undefined
      ? []
      : [[at, { min: seen.min, max: seen.max }] as const]
  return {
    table,
    row: rowColumn,
    columns: leaf.uses.map(({ name, type }, i) => ({ name, column: `u${i}`, type })),
    used: new Map(leaf.uses.map(({ name }, i) => [name, `u${i}`])),
    rows: seen.rows,
    ranges: new Map(range),
  }
}

const timed = (leaf: InputRows, at: string | undefined): number => leaf.uses.findIndex(({ name }) => name === at)

/** Sends a spine up into a table of the transaction. `at`: the column of its instants, none of which may be missing. */
export async function sendSpine(
  client: pg.ClientBase,
  used: UsedRows,
  { table, at }: { readonly table: string; readonly at: string | undefined },
): Promise<PlacedSpine> {
  const { leaf } = used
  const columns = leaf.uses.map(({ type }, i) => `${ident(`u${i}`)} ${typeName(type)}`)
  const all = [`${rowColumn} bigint not null`, ...columns]
  await client.query(`create temp table ${ident(table)} (${all.join(', ')}) on commit drop`)
  const seen: Seen = { rows: 0, missing: 0, firstMissing: 0 }
  const index = timed(leaf, at)
  const numbered = async function* () {
    for await (const batch of used.batches()) {
      const first = seen.rows
      look(seen, index, batch)
      const numbers = BigInt64Array.from({ length: batch.rows }, (_, i) => BigInt(first + i))
      yield { rows: batch.rows, columns: [numbers, ...batch.columns] }
    }
  }
  await copyIn(client, { into: ident(table), types: ['int64', ...leaf.uses.map(({ type }) => type)] }, numbered())
  await client.query(`analyze ${ident(table)}`)
  return { table: placed(leaf, table, seen, at) }
}

/** A spine as text of the query itself, for servers that take no tables. */
export async function writeSpine(
  used: UsedRows,
  { table, at }: { readonly table: string; readonly at: string | undefined },
): Promise<PlacedSpine> {
  const { leaf } = used
  const texts: (string | null)[][] = leaf.uses.map(() => [])
  const seen: Seen = { rows: 0, missing: 0, firstMissing: 0 }
  const index = timed(leaf, at)
  for await (const batch of used.batches()) {
    for (const [i, { type }] of leaf.uses.entries())
      for (let row = 0; row < batch.rows; row++) texts[i]?.push(textOf(type, batch.columns[i]?.[row] ?? null))
    look(seen, index, batch)
  }
  const names = leaf.uses.map((_, i) => `u${i}`)
  const arrays = leaf.uses.map(({ type }, i) => `${quote(arrayText(texts[i] ?? []))}::${arrayTypeOf(type)}`)
  const values = leaf.uses.map(({ type }, i) => `${valueOf(type, `x.u${i}`)} AS u${i}`)
  const source =
    names.length === 0
      ? `generate_series(1, ${seen.rows}) WITH ORDINALITY AS x (u, n)`
      : `unnest(${arrays.join(', ')}) WITH ORDINALITY AS x (${names.join(', ')}, n)`
  const cte = `${ident(table)} AS MATERIALIZED (SELECT x.n - 1 AS ${rowColumn}${values.map((each) => `, ${each}`).join('')} FROM ${source})`
  return { table: placed(leaf, table, seen, at), cte }
}

const textOf = (type: FeatureType, value: Value | null): string | null =>
  value === null ? null : valueText(type, value)

const arrayTypeOf = (type: FeatureType): string => (type === 'timestamp' ? 'bigint[]' : `${typeName(type)}[]`)

const valueOf = (type: FeatureType, sql: string): string =>
  type === 'timestamp'
    ? `(timestamptz 'epoch' + (${sql} / 1000000) * interval '1 second' + (${sql} % 1000000) * interval '1 microsecond')`
    : sql
