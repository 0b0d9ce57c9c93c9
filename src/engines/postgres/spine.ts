import { type Call, checkCall } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import type { OfflineStore, SpineInput } from '../../ports/offline.ts'
import type { InputTable } from '../../query/block.ts'
import type { InputRows } from '../../query/relation.ts'
import type { Batch } from '../../values/batch.ts'
import type { FeatureType } from '../../values/feature-type.ts'
import type { Value } from '../../values/value.ts'
import { openCopyIn } from './copy-in.ts'
import { ident, quote, typeName } from './dialect.ts'
import type { Session } from './session.ts'
import { arrayText, valueText } from './text-value.ts'
import { cut, turnRows } from './turns.ts'

/** What a spine is called on the server, and the number of a row within it, from 0. */
const inputName = '_input'
const rowColumn = '_row'

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

/** One of the sessions that the rows of a spine are in. */
export interface Lane {
  readonly session: Session
  /** The rows as text of the query itself; empty where they are in a table. */
  readonly ctes: readonly string[]
}

/** A spine as the plan sees it in each of its lanes; their rows came in turns. */
export interface PlacedSpine {
  readonly table: InputTable
  readonly lanes: readonly Lane[]
}

/** Connections that look up the rows of one spine. PostgreSQL itself takes as many for a query in parallel: a leader and two workers. */
const mostLanes = 3

/** Rows of a spine that travel as text of a query: it is held whole, here and there, and a statement has no more than 1 GiB. */
const mostTextRows = 1_000_000

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

function inputTable(leaf: InputRows, seen: Seen, at: string): InputTable {
  if (seen.missing > 0)
    throw fail(
      'MISSING_TIMESTAMP',
      `${seen.missing} of ${seen.rows} rows have no timestamp in "${at}"; the first is row ${seen.firstMissing}, counted from 1`,
    )
  const range =
    seen.min === undefined || seen.max === undefined ? [] : [[at, { min: seen.min, max: seen.max }] as const]
  return {
    table: inputName,
    row: rowColumn,
    columns: leaf.uses.map(({ name, type }, i) => ({ name, column: `u${i}`, type })),
    used: new Map(leaf.uses.map(({ name }, i) => [name, `u${i}`])),
    rows: seen.rows,
    ranges: new Map(range),
  }
}

/**
 * Sends a spine up: into a table of the transaction, or as text of the query where the server takes no tables. `at`: the column of its
 * instants, none of which may be missing. `widely`: its rows go to further sessions in turns, as far as connections are to spare.
 * @throws MISSING_TIMESTAMP with the count and the first row.
 */
export async function placeSpine(
  session: Session,
  used: UsedRows,
  { at, widely }: { readonly at: string; readonly widely: boolean },
): Promise<PlacedSpine> {
  await using others = new AsyncDisposableStack()
  const { leaf } = used
  const seen: Seen = { rows: 0, missing: 0, firstMissing: 0 }
  const instants = leaf.uses.findIndex(({ name }) => name === at)
  let another = widely ? await session.share() : undefined
  const parts = [await partOf(session, leaf)]
  try {
    for await (const batch of used.batches()) {
      for (let from = 0; from < batch.rows;) {
        const number = seen.rows + from
        const turn = Math.floor(number / turnRows)
        if (turn === parts.length) {
          const other = turn < mostLanes ? await another?.() : undefined
          if (other === undefined) another = undefined
          else parts.push(await partOf(others.use(other), leaf))
        }
        const rows = Math.min(batch.rows - from, (turn + 1) * turnRows - number)
        await parts[turn % parts.length]?.write(number, cut(batch, from, rows))
        from += rows
      }
      look(seen, instants, batch)
      // What a replica cannot do, the primary is asked for.
      if (session.isReplica && seen.rows > mostTextRows)
        throw fail('STORE_UNREACHABLE', `A replica takes no spine of more than ${mostTextRows} rows`)
    }
    const table = inputTable(leaf, seen, at)
    const lanes = await Promise.all(parts.map(async (part) => ({ session: part.session, ctes: await part.end() })))
    others.move()
    return { table, lanes }
  } catch (thrown) {
    // Into each of them rows were on their way.
    for (const part of parts) part.session.failure(thrown)
    throw thrown
  }
}

/** Rows of a spine that go to one session. */
interface Part {
  readonly session: Session
  /** `number`: that of the first of the rows, in the whole spine. */
  write(number: number, batch: Batch): Promise<void>
  /** Answers what stands before the query. */
  end(): Promise<readonly string[]>
}

const partOf = (session: Session, leaf: InputRows): Promise<Part> | Part =>
  session.isReplica ? textPart(session, leaf) : tablePart(session, leaf)

async function tablePart(session: Session, leaf: InputRows): Promise<Part> {
  const { client } = session
  const columns = leaf.uses.map(({ type }, i) => `${ident(`u${i}`)} ${typeName(type)}`)
  const all = [`${rowColumn} bigint not null`, ...columns]
  await session.guard(client.query(`create temp table ${ident(inputName)} (${all.join(', ')}) on commit drop`))
  const copy = openCopyIn(client, {
    into: ident(inputName),
    types: ['int64', ...leaf.uses.map(({ type }) => type)],
  })
  return {
    session,
    async write(number, { rows, columns: values }) {
      const numbers = BigInt64Array.from({ length: rows }, (_, i) => BigInt(number + i))
      await session.guard(copy.write({ rows, columns: [numbers, ...values] }))
    },
    async end() {
      await session.guard(copy.end())
      await session.guard(client.query(`analyze ${ident(inputName)}`))
      return []
    },
  }
}

function textPart(session: Session, leaf: InputRows): Part {
  const numbers: string[] = []
  const texts: (string | null)[][] = leaf.uses.map(() => [])
  return {
    session,
    async write(number, { rows, columns }) {
      for (let row = 0; row < rows; row++) numbers.push(String(number + row))
      for (const [i, { type }] of leaf.uses.entries())
        for (let row = 0; row < rows; row++) texts[i]?.push(textOf(type, columns[i]?.[row] ?? null))
    },
    async end() {
      const arrays = [
        `${quote(arrayText(numbers))}::bigint[]`,
        ...leaf.uses.map(({ type }, i) => `${quote(arrayText(texts[i] ?? []))}::${arrayTypeOf(type)}`),
      ]
      const names = [rowColumn, ...leaf.uses.map((_, i) => `u${i}`)]
      const values = leaf.uses.map(({ type }, i) => `, ${valueOf(type, `x.u${i}`)} AS u${i}`)
      return [
        `${ident(inputName)} AS MATERIALIZED (SELECT x.${rowColumn}${values.join('')} FROM unnest(${arrays.join(', ')}) AS x (${names.join(', ')}))`,
      ]
    },
  }
}

const textOf = (type: FeatureType, value: Value | null): string | null =>
  value === null ? null : valueText(type, value)

const arrayTypeOf = (type: FeatureType): string => (type === 'timestamp' ? 'bigint[]' : `${typeName(type)}[]`)

const valueOf = (type: FeatureType, sql: string): string =>
  type === 'timestamp'
    ? `(timestamptz 'epoch' + (${sql} / 1000000) * interval '1 second' + (${sql} % 1000000) * interval '1 microsecond')`
    : sql
