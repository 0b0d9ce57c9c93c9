import { must } from '../../kernel/assert.ts'
import { fail } from '../../kernel/errors.ts'
import { type Call, checkCall } from '../../kernel/call.ts'
import type { OfflineQuery, OfflineStore, QueryResult, SpineInput } from '../../ports/offline.ts'
import type { CompiledColumn, Leaves } from '../../query/block.ts'
import { type Compiled, compile, queryText } from '../../query/compile.ts'
import { type Leaf, inputsOf, leavesOf } from '../../query/leaves.ts'
import type { AsOf, InputRows, LogRows, Relation, SourceRows, SqlRows } from '../../query/relation.ts'
import type { Batch } from '../../values/batch.ts'
import { ownType } from '../../values/feature-type.ts'
import type { Value } from '../../values/value.ts'
import { sourceType } from './column-type.ts'
import { type OwnField, readCopy } from './copy-out.ts'
import { cellOf, openScratch, writeCsv } from './csv-file.ts'
import { ident, postgresDialect, typeName } from './dialect.ts'
import { type LeafContext, type LeafTable, leafTable, userQuery } from './leaf-tables.ts'
import { keptColumns } from './kept-columns.ts'
import type { PostgresServers } from './servers.ts'
import { Session } from './session.ts'
import { type PlacedSpine, sendSpine, usedRows, writeSpine } from './spine.ts'
import { columnsOf } from './table-facts.ts'

/** What queries are run with: the servers, and an engine that reads and writes files. */
export interface QueryEngine {
  readonly servers: PostgresServers
  readonly local: OfflineStore
}

/** Starts a query. An as-of join is computed whole: its spine goes up, its answers come down and are put beside the spine here. */
export async function startQuery(engine: QueryEngine, query: OfflineQuery, call?: Call): Promise<QueryResult> {
  // PostgreSQL tells nobody how far a query is.
  query.watch?.(() => null)
  const inputs = inputsOf(leavesOf(query.plan))
  const [input, ...others] = inputs
  if (input === undefined) return startPlain(engine, query.plan, call)
  if (query.plan.kind !== 'asOf' || others.length > 0)
    throw fail('UNSUPPORTED', 'PostgreSQL takes rows that are brought for as-of joins only')
  const spine = must(query.inputs?.get(input.name), `the query brings ${input.name}`)
  return startAsOf(engine, query.plan, { leaf: input, spine }, call)
}

type RowLeaf = SourceRows | SqlRows | LogRows
type Looked = ReadonlyMap<Leaf, LeafTable>

/** What leaves are looked up with in a session. */
export async function leafContext(session: Session, local: OfflineStore): Promise<LeafContext> {
  return {
    client: session.client,
    shapes: await session.shapes(),
    check: (sql, tables, label) => session.check(sql, tables, label),
    async unloaded(source) {
      const [facts] = await local.describe([source], new Map([[source.name, source]]), session.call)
      return keptColumns(source, facts?.columns ?? [])
    },
  }
}

async function lookUp(
  session: Session,
  plan: Relation,
  local: OfflineStore,
): Promise<{ context: LeafContext; tables: Looked }> {
  const context = await leafContext(session, local)
  const tables = new Map<Leaf, LeafTable>()
  for (const leaf of leavesOf(plan))
    if (leaf.kind !== 'input') tables.set(leaf, await session.guard(leafTable(context, leaf)))
  return { context, tables }
}

function leavesFor(tables: Looked, placed: ReadonlyMap<string, PlacedSpine>, seekable: ReadonlySet<RowLeaf>): Leaves {
  return {
    rows: (leaf, narrow) => must(tables.get(leaf), 'the leaf was looked up').rows(narrow),
    input: (leaf) => must(placed.get(leaf.name), `the input ${leaf.name} was placed`).table,
    seeks: (leaf) => seekable.has(leaf),
  }
}

/** Runs work in a session. The session is the work's to end where it goes well. */
async function within<T>(session: Session, work: (session: Session) => Promise<T>): Promise<T> {
  try {
    return await work(session)
  } catch (thrown) {
    const error = session.failure(thrown)
    await session[Symbol.asyncDispose]()
    throw error
  }
}

const onPrimary = async <T>(
  engine: QueryEngine,
  call: Call | undefined,
  work: (session: Session) => Promise<T>,
): Promise<T> => within(await Session.open(engine.servers, call, true), work)

/** Runs work in a session; again on the primary where a replica was in its way. */
async function inSession<T>(
  engine: QueryEngine,
  call: Call | undefined,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await Session.open(engine.servers, call)
  return within(session, work).catch((thrown: unknown) => {
    if (!session.lost) throw thrown
    return onPrimary(engine, call, work)
  })
}

/** A plan that is ready to be run in a session. */
interface Plain {
  readonly session: Session
  readonly compiled: Compiled
}

async function startPlain(engine: QueryEngine, plan: Relation, call: Call | undefined): Promise<QueryResult> {
  const prepare = async (session: Session): Promise<Plain> => {
    const { tables } = await lookUp(session, plan, engine.local)
    return { session, compiled: compile(plan, postgresDialect, leavesFor(tables, new Map(), new Set())) }
  }
  return plainResult(engine, await inSession(engine, call, prepare), () => onPrimary(engine, call, prepare))
}

const ownField = ({ name, type }: CompiledColumn): OwnField => ({
  name,
  type: must(type, `the column ${name} has a type of ours`),
})

/** `again`: the same on the primary. */
function plainResult(engine: QueryEngine, first: Plain, again: () => Promise<Plain>): QueryResult {
  const fields = first.compiled.columns.map(ownField)
  let { session } = first
  let read = false
  const once = (): void => {
    if (read) throw fail('CLOSED', 'The result was read already')
    read = true
  }
  /** Of a replica that fails before it has answered anything, the primary takes over. */
  const takeOver = async (): Promise<Plain> => {
    const plain = await again()
    ;({ session } = plain)
    return plain
  }
  return {
    fields,
    async *batches() {
      once()
      let given = false
      try {
        for await (const batch of batches(first, fields)) {
          given = true
          yield batch
        }
      } catch (thrown) {
        if (given || !first.session.lost) throw thrown
        yield* batches(await takeOver(), fields)
      }
    },
    async writeParquet(path) {
      once()
      await using scratch = await openScratch()
      const write = async ({ session: from, compiled }: Plain): Promise<Answers | null> => {
        try {
          return await answersFile(from, { compiled, columns: compiled.columns, ctes: [] }, scratch.path)
        } finally {
          await from[Symbol.asyncDispose]()
        }
      }
      const answers = await write(first).catch(async (thrown: unknown) => {
        if (!first.session.lost) throw thrown
        return write(await takeOver())
      })
      if (answers === null) throw fail('UNSUPPORTED', 'A result without columns is no Parquet')
      const columns = fields.map(({ name }) => ({ as: name, column: name }))
      const local = { plan: { kind: 'derive', input: answers.leaf, columns } as const, inputs: answers.inputs }
      await using result = await engine.local.query(local, session.call)
      return await result.writeParquet(path)
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }
}

async function* batches({ session, compiled }: Plain, fields: readonly OwnField[]): AsyncGenerator<Batch> {
  try {
    const columns = compiled.columns.map(({ sql }, i) => ({
      sql: `(${sql})::${typeName(fields[i]?.type ?? 'string')}`,
      name: `c${i}`,
    }))
    // Without a column there is nothing to read, but rows to count.
    if (columns.length === 0) throw fail('UNSUPPORTED', 'A plan without columns has no rows to read')
    const stream = session.copyOut(withSteps(compiled, [], queryText(postgresDialect, compiled, columns)), 'binary')
    for await (const batch of readCopy(stream, fields)) {
      checkCall(session.call)
      yield batch
    }
  } catch (thrown) {
    throw session.failure(thrown)
  } finally {
    await session[Symbol.asyncDispose]()
  }
}

/** A query with all that stands before it. */
function withSteps(compiled: Compiled, ctes: readonly string[], query: string): string {
  const all = [...ctes, ...compiled.steps.map((step) => step.sql)]
  return all.length === 0 ? query : `WITH ${all.join(', ')} ${query}`
}

interface Answers {
  readonly leaf: InputRows
  readonly inputs: ReadonlyMap<string, SpineInput>
}

/** Writes columns of a query into a file that the local engine reads back by their types; null where there are none. */
async function answersFile(
  session: Session,
  {
    compiled,
    columns,
    ctes,
  }: { readonly compiled: Compiled; readonly columns: readonly CompiledColumn[]; readonly ctes: readonly string[] },
  folder: string,
): Promise<Answers | null> {
  if (columns.length === 0) return null
  const fields = columns.map(ownField)
  const cells = columns.map(({ sql }, i) => {
    const type = fields[i]?.type ?? 'string'
    return { sql: cellOf(`(${sql})::${typeName(type)}`, type), name: `c${i}` }
  })
  const path = `${folder}/answers.csv`
  const query = withSteps(compiled, ctes, queryText(postgresDialect, compiled, cells))
  await session.guard(
    writeCsv(
      path,
      fields.map(({ name }) => name),
      session.copyOut(query, 'csv'),
    ),
  )
  return {
    leaf: { kind: 'input', name: '_answers', uses: fields.map(({ name, type }) => ({ name, type })) },
    inputs: new Map([['_answers', { kind: 'file', path, format: 'csv' }]]),
  }
}

interface Brought {
  readonly leaf: InputRows
  readonly spine: SpineInput
}

async function startAsOf(
  engine: QueryEngine,
  plan: AsOf,
  { leaf, spine: input }: Brought,
  call: Call | undefined,
): Promise<QueryResult> {
  const scratch = await openScratch()
  try {
    const { spine, answers } = await inSession(engine, call, async (session) => {
      const { context, tables } = await lookUp(session, plan, engine.local)
      const spine = input.kind === 'sql' ? await sqlSpine(session, context, input) : input
      const used = usedRows(engine.local, leaf, spine, call)
      const place = { table: '_input', at: plan.at }
      const placed = session.isReplica
        ? await writeSpine(used, place, call)
        : await session.guard(sendSpine(session.client, used, place, call))
      const seekable = await seekableLeaves(session, plan, tables)
      const compiled = compile(plan, postgresDialect, leavesFor(tables, new Map([[leaf.name, placed]]), seekable))
      const own = compiled.columns.slice(compiled.columns.length - outputsOf(plan))
      const ctes = placed.cte === undefined ? [] : [placed.cte]
      const answers = await answersFile(session, { compiled, columns: own, ctes }, scratch.path)
      await session[Symbol.asyncDispose]()
      return { spine, answers }
    })
    const inputs = new Map([[leaf.name, spine], ...(answers?.inputs ?? [])])
    const whole: Relation = answers === null ? leaf : { kind: 'beside', left: leaf, right: answers.leaf }
    const result = await engine.local.query({ plan: whole, inputs }, call)
    return {
      ...result,
      async [Symbol.asyncDispose]() {
        await result[Symbol.asyncDispose]()
        await scratch[Symbol.asyncDispose]()
      },
    }
  } catch (thrown) {
    await scratch[Symbol.asyncDispose]()
    throw thrown
  }
}

const outputsOf = (plan: AsOf): number => plan.joins.reduce((sum, join) => sum + join.outputs.length, 0)

/** The leaves whose rows are found by the keys of the joins that read them. */
async function seekableLeaves(session: Session, plan: AsOf, tables: Looked): Promise<Set<RowLeaf>> {
  const seekable = new Set<RowLeaf>()
  for (const join of plan.joins) {
    const keys = join.on.map(({ right }) => right)
    for (const leaf of leavesOf(join.right)) {
      if (leaf.kind === 'input') continue
      if (await session.guard(must(tables.get(leaf), 'the leaf was looked up').seeks(keys))) seekable.add(leaf)
    }
  }
  return seekable
}

/** The rows of a SQL spine, as columns. What is of no type of ours comes as text. */
async function sqlSpine(
  session: Session,
  context: LeafContext,
  spine: Extract<SpineInput, { kind: 'sql' }>,
): Promise<SpineInput> {
  const query = await session.guard(userQuery(context, spine.sql, spine.inputs, 'the spine'))
  const columns = await session.guard(columnsOf(session.client, `(${query}) AS r`, 'the spine'))
  const fields = columns.map((column): OwnField => ({
    name: column.name,
    type: ownType(sourceType(column)) ?? 'string',
  }))
  const selected = fields.map(({ name, type }, i) => `(r.${ident(name)})::${typeName(type)} AS c${i}`)
  const values: (Value | null)[][] = fields.map(() => [])
  const stream = session.copyOut(`SELECT ${selected.join(', ')} FROM (${query}) AS r`, 'binary')
  for await (const batch of readCopy(stream, fields))
    for (const [i, column] of batch.columns.entries())
      for (let row = 0; row < batch.rows; row++) values[i]?.push(column[row] ?? null)
  return { kind: 'columns', columns: Object.fromEntries(fields.map(({ name }, i) => [name, values[i] ?? []])) }
}
