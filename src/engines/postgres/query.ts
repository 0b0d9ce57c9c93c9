import { isDeepStrictEqual } from 'node:util'
import { must } from '../../kernel/assert.ts'
import { fail } from '../../kernel/errors.ts'
import type { Call } from '../../kernel/call.ts'
import type { OfflineQuery, OfflineStore, QueryResult, SpineInput } from '../../ports/offline.ts'
import type { InputTable, Leaves } from '../../query/block.ts'
import { compile } from '../../query/compile.ts'
import { type Leaf, inputsOf, leavesOf } from '../../query/leaves.ts'
import type { AsOf, InputRows, LogRows, Relation, SourceRows, SqlRows } from '../../query/relation.ts'
import type { Batch, OwnField } from '../../values/batch.ts'
import { ownType } from '../../values/feature-type.ts'
import { type Question, answersTo, questionOf } from './answers.ts'
import { asOfResult, begun, readOnce } from './as-of-result.ts'
import { readAs, sourceType } from './column-type.ts'
import { readCopy } from './copy-out.ts'
import { ident, typeName } from './dialect.ts'
import { type KeptQuery, type LeafContext, type LeafTable, leafTable, sqlQuery, userQuery } from './leaf-tables.ts'
import { keptColumns } from './kept-columns.ts'
import { postgresDialect } from './plan-dialect.ts'
import type { PostgresServers } from './servers.ts'
import { Session } from './session.ts'
import { placeSpine, usedRows } from './spine.ts'
import { lookAtSpine } from './spine-file.ts'
import { type Reach, columnsOf } from './table-facts.ts'

/** What queries are run with: the servers, and an engine that reads and writes files. */
export interface QueryEngine {
  readonly servers: PostgresServers
  readonly local: OfflineStore
}

/** Starts a query. The spine of an as-of join goes up; what is found for it comes down, and is put beside it here as it comes. */
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

const none: ReadonlyMap<RowLeaf, Reach> = new Map()

interface LookedUp {
  readonly context: LeafContext
  readonly tables: Looked
  /** What stands before the query. */
  readonly ctes: readonly string[]
}

/** Looks all leaves of a plan up. User SQL that several of them read is computed once. */
async function lookUp(session: Session, plan: Relation, local: OfflineStore): Promise<LookedUp> {
  const context = await leafContext(session, local)
  const tables = new Map<Leaf, LeafTable>()
  const ctes: string[] = []
  const leaves = leavesOf(plan)
  const kept = new Map<Leaf, KeptQuery>()
  for (const same of readTwice(leaves)) {
    const query = { table: `_sql_${ctes.length}`, query: await session.guard(sqlQuery(context, same[0])) }
    ctes.push(`${ident(query.table)} AS MATERIALIZED (${query.query})`)
    for (const leaf of same) kept.set(leaf, query)
  }
  for (const leaf of leaves)
    if (leaf.kind !== 'input') tables.set(leaf, await session.guard(leafTable(context, leaf, { kept: kept.get(leaf) })))
  return { context, tables, ctes }
}

/** Leaves of one `sql` source over the same inputs, where there are several. */
function readTwice(leaves: readonly Leaf[]): [SqlRows, ...SqlRows[]][] {
  const groups: [SqlRows, ...SqlRows[]][] = []
  for (const leaf of leaves) {
    if (leaf.kind !== 'sql') continue
    const same = groups.find(
      ([first]) => first.source.name === leaf.source.name && isDeepStrictEqual(first.inputs, leaf.inputs),
    )
    if (same === undefined) groups.push([leaf])
    else same.push(leaf)
  }
  return groups.filter((group) => group.length > 1)
}

function leavesFor(
  tables: Looked,
  inputs: ReadonlyMap<string, InputTable>,
  reached: ReadonlyMap<RowLeaf, Reach>,
): Leaves {
  return {
    rows: (leaf, narrow) => must(tables.get(leaf), 'the leaf was looked up').rows(narrow),
    input: (leaf) => must(inputs.get(leaf.name), `the input ${leaf.name} was placed`),
    seeks: (leaf) => reached.get(leaf)?.seeks === true,
    single: (leaf) => reached.get(leaf)?.single === true,
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

async function startPlain(engine: QueryEngine, plan: Relation, call: Call | undefined): Promise<QueryResult> {
  const ask = async (session: Session): Promise<Question> => {
    const { tables, ctes } = await lookUp(session, plan, engine.local)
    const compiled = compile(plan, postgresDialect, leavesFor(tables, new Map(), none))
    return questionOf({ session, ctes }, compiled, compiled.columns)
  }
  return plainResult(engine, await inSession(engine, call, ask), () => onPrimary(engine, call, ask))
}

/** `again`: the same on the primary. */
function plainResult(engine: QueryEngine, first: Question, again: () => Promise<Question>): QueryResult {
  const { fields } = first
  let { session } = first
  const once = readOnce()
  /** Of a replica that fails before it has answered anything, the primary takes over. */
  const batches = async function* (): AsyncGenerator<Batch> {
    // Without a column there is nothing to read, but rows to count.
    if (fields.length === 0) throw fail('UNSUPPORTED', 'A plan without columns has no rows to read')
    let given = false
    try {
      for await (const batch of answersTo(first)) {
        given = true
        yield batch
      }
      return
    } catch (thrown) {
      if (given || !first.session.lost) throw thrown
    }
    const second = await again()
    ;({ session } = second)
    yield* answersTo(second)
  }
  return {
    fields,
    batches() {
      once()
      return batches()
    },
    async writeParquet(path) {
      once()
      const plan = { kind: 'input', name: '_answers', uses: [] } as const
      const inputs = new Map([['_answers', { kind: 'batches', fields, batches } as const]])
      await using result = await engine.local.query({ plan, inputs }, session.call)
      return await result.writeParquet(path)
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
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
  const unchanged = await lookAtSpine(input)
  const { spine, answers } = await inSession(engine, call, async (session) => {
    const { context, tables, ctes } = await lookUp(session, plan, engine.local)
    const spine = input.kind === 'sql' ? await sqlSpine(session, context, input) : input
    const reached = await reachedLeaves(session, plan, tables)
    // Where rows are looked up one by one, several can do so at once; else each would read and sort the whole right side.
    const widely = [...reached.values()].every(({ seeks }) => seeks)
    const used = usedRows(engine.local, leaf, spine, call)
    const { table, lanes } = await placeSpine(session, used, { at: plan.at, widely })
    const compiled = compile(plan, postgresDialect, leavesFor(tables, new Map([[leaf.name, table]]), reached))
    const outputs = compiled.columns.slice(compiled.columns.length - outputsOf(plan))
    return {
      spine,
      answers: await begun(
        lanes.map((lane) => questionOf({ ...lane, ctes: [...lane.ctes, ...ctes] }, compiled, outputs)),
      ),
    }
  })
  return asOfResult({ local: engine.local, leaf, spine, unchanged, call }, answers)
}

const outputsOf = (plan: AsOf): number => plan.joins.reduce((sum, join) => sum + join.outputs.length, 0)

/** How the leaves' rows are found by the keys of the joins that read them. A leaf is of one view, so that all joins of it have the same keys. */
async function reachedLeaves(session: Session, plan: AsOf, tables: Looked): Promise<ReadonlyMap<RowLeaf, Reach>> {
  const reached = new Map<RowLeaf, Reach>()
  for (const join of plan.joins) {
    const keys = join.on.map(({ right }) => right)
    for (const leaf of leavesOf(join.right))
      if (leaf.kind !== 'input')
        reached.set(leaf, await session.guard(must(tables.get(leaf), 'the leaf was looked up').reach(keys)))
  }
  return reached
}

/** The rows of a SQL spine. What is of no type of ours comes as text; instants that are none of ours are null, as in sources. */
async function sqlSpine(
  session: Session,
  context: LeafContext,
  spine: Extract<SpineInput, { kind: 'sql' }>,
): Promise<SpineInput> {
  const query = await session.guard(userQuery(context, spine.sql, spine.inputs, 'the spine'))
  const columns = await session.guard(columnsOf(session.client, `(${query}) AS r`, 'the spine'))
  const fields: OwnField[] = []
  const selected = columns.map((column, i) => {
    const type = ownType(sourceType(column))
    const raw = `r.${ident(column.name)}`
    const read = type === undefined ? raw : readAs(raw, column, type, { label: 'the spine', bare: false })
    fields.push({ name: column.name, type: type ?? 'string' })
    return `(${read})::${typeName(type ?? 'string')} AS c${i}`
  })
  const batches = await Array.fromAsync(
    readCopy(session.copyOut(`SELECT ${selected.join(', ')} FROM (${query}) AS r`), fields),
  )
  return {
    kind: 'batches',
    fields,
    async *batches() {
      yield* batches
    },
  }
}
