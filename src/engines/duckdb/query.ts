import { must } from '../../kernel/assert.ts'
import { type Call, checkCall } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import type { OfflineQuery, QueryResult, SpineInput } from '../../ports/offline.ts'
import type { Leaves } from '../../query/block.ts'
import { checkNames, compile } from '../../query/compile.ts'
import type { Step } from '../../query/dialect.ts'
import type { InputRows, Relation, SqlInput } from '../../query/relation.ts'
import type { FileIdentity } from '../../values/file-identity.ts'
import { askedOf, onlyAsked } from './asked-rows.ts'
import { ident } from './dialect.ts'
import { duckdbDialect } from './plan-dialect.ts'
import type { Engine } from './engine.ts'
import { explain } from './explain.ts'
import { keepFile } from './input-file.ts'
import { keepBatches } from './input-batches.ts'
import { keepRows } from './input-rows.ts'
import { type LoadedInput, keepInput, rowColumn } from './input-table.ts'
import { type LeafContext, filesOfAskers, groupsOf, isFileSource } from './leaf-context.ts'
import { keepTable } from './kept-table.ts'
import { type Leaf, asOfsOf, inputsOf, leavesOf, leavesReadTwice, sqlInputsOf } from '../../query/leaves.ts'
import { queryResult } from './query-result.ts'
import type { Session } from './session.ts'
import { changeOf, checkUnchanged } from './source-files.ts'
import { type FileGroup, sourceTable } from './source-table.ts'
import { sqlTable, userQuery } from './sql-table.ts'

/** How often a query is started over since a file that it reads twice was replaced meanwhile. */
const starts = 4

/** Starts a query: reads its inputs, computes its as-of joins and latest rows, and answers rows that are still to be read. */
export async function startQuery(engine: Engine, query: OfflineQuery, call?: Call): Promise<QueryResult> {
  let moved: unknown
  for (let start = 0; start < starts; start++) {
    const result = await tryQuery(engine, query, call)
    if (!(result instanceof Error)) return result
    moved = result
  }
  throw moved
}

/** An error as the answer: a file that the plan does not name was replaced between two looks at it. */
async function tryQuery(engine: Engine, query: OfflineQuery, call?: Call): Promise<QueryResult | Error> {
  checkCall(call)
  const leaves = leavesOf(query.plan)
  const inputs = inputsOf(leaves)
  const spines = new Map(
    inputs.map((leaf) => [leaf.name, must(query.inputs?.get(leaf.name), `the query brings ${leaf.name}`)]),
  )
  const askers = [...leaves.filter((leaf) => leaf.kind === 'source'), ...sqlInputsOf(leaves, sqlOf(spines))]
  const files = await filesOfAskers(askers, engine.repositoryDir)
  const named = askers.flatMap((asker) => (asker.files === undefined ? [] : (files.get(asker) ?? [])))
  await checkUnchanged(named)
  const userSql =
    leaves.some((leaf) => leaf.kind === 'sql') || [...spines.values()].some((spine) => spine.kind === 'sql')
  const watched = query.watch !== undefined
  const { session, scratchDir, logTable } = userSql
    ? await engine.lockedSession([...pathsOf(files), ...spinePaths(spines)], call, watched)
    : await engine.session(call, watched)
  const context: LeafContext = { session, schemas: engine.schemas, logTable, files }
  const explained = (thrown: unknown): Promise<Error> =>
    explain(thrown, {
      named,
      files,
      leaves,
      userSql,
      inputPaths: spinePaths(spines),
      repositoryDir: engine.repositoryDir,
    })
  const checkSources = (): Promise<void> => checkUnchanged(named)
  try {
    const loaded = new Map<string, LoadedInput>()
    for (const [i, leaf] of inputs.entries()) {
      loaded.set(leaf.name, await keepSpine(context, leaf, must(spines.get(leaf.name), leaf.name), `_input_${i}`))
    }
    await rangesOf(session, query.plan, loaded)
    const compiled = compile(query.plan, duckdbDialect, await lookUp(context, query.plan, loaded))
    const outputs = new Map([...loaded.values()].flatMap((input) => [...input.outputs]))
    checkNames(compiled.columns)
    const enter = watchSteps(session, compiled.steps.length + 1, query.watch)
    for (const step of compiled.steps) {
      enter()
      await runStep(session, step)
    }
    enter()
    if (compiled.steps.length > 0) {
      await checkSources()
      const moved = await changeOf(filesReadTwice(query.plan, files))
      if (moved !== undefined) {
        await session[Symbol.asyncDispose]()
        return moved
      }
    }
    return queryResult({ session, compiled, outputs, scratchDir, checkSources, explain: explained })
  } catch (thrown) {
    await session[Symbol.asyncDispose]()
    throw await explained(thrown)
  }
}

/** Files whose rows are read for their places first, then for their values: in between they must not change. */
const filesReadTwice = (plan: Relation, files: ReadonlyMap<object, readonly FileIdentity[]>): FileIdentity[] =>
  leavesReadTwice(plan).flatMap((leaf) =>
    leaf.kind === 'source' && leaf.source.type === 'parquet' ? (files.get(leaf) ?? []) : [],
  )

/** Tells how much of some statements is done, each as large as the others, and never less than before; answers what to call as each begins. */
function watchSteps(session: Session, steps: number, watch: OfflineQuery['watch']): () => void {
  let done = -1
  let told = 0
  watch?.(() => {
    const now = session.progress()
    if (now === null || done < 0) return null
    told = Math.max(told, (done + now) / steps)
    return told
  })
  return () => {
    done++
  }
}

async function runStep(session: Session, { sql, settle }: Step): Promise<void> {
  await session.run(sql)
  if (settle === undefined) return
  const [answer] = await session.rows(settle.test)
  if (answer?.[0] === true) await session.run(settle.sql)
}

const pathsOf = (files: ReadonlyMap<object, readonly FileIdentity[]>): string[] => [
  ...new Set([...files.values()].flat().map((f) => f.path)),
]

const sqlOf = (spines: ReadonlyMap<string, SpineInput>): (readonly SqlInput[])[] =>
  [...spines.values()].flatMap((spine) => (spine.kind === 'sql' ? [spine.inputs] : []))

const spinePaths = (spines: ReadonlyMap<string, SpineInput>): string[] =>
  [...spines.values()].flatMap((spine) => (spine.kind === 'file' ? [spine.path] : []))

async function keepSpine(
  context: LeafContext,
  leaf: InputRows,
  spine: SpineInput,
  table: string,
): Promise<LoadedInput> {
  if (spine.kind === 'sql') {
    const { query, columns } = await userQuery(context, spine.sql, spine.inputs, `input "${leaf.name}"`)
    const brought = columns.map((c) => ({ name: c.name, duckType: c.type, sql: `f.${ident(c.name)}` }))
    return keepInput(context.session, leaf, {
      table,
      sql: `(${query}) AS f`,
      columns: brought,
      label: `input "${leaf.name}"`,
    })
  }
  if (spine.kind === 'file' && spine.format !== 'ndjson')
    return keepFile(context.session, leaf, { path: spine.path, format: spine.format, table, schemas: context.schemas })
  if (spine.kind === 'batches') return keepBatches(context.session, leaf, spine, table)
  return keepRows(context.session, leaf, spine, table)
}

/** Looks up everything that compiling asks for. What is read twice and dear to read is kept, of queries only what is asked for. */
async function lookUp(context: LeafContext, plan: Relation, loaded: ReadonlyMap<string, LoadedInput>): Promise<Leaves> {
  const groups = new Map<object, readonly FileGroup[]>()
  const tables = new Map<object, string | null>()
  const twice = new Set(leavesReadTwice(plan))
  const input: Leaves['input'] = (leaf) => must(loaded.get(leaf.name), `input ${leaf.name} was kept`).table
  const set = async (leaf: Leaf, table: string | null): Promise<void> => {
    if (table === null || !twice.has(leaf)) {
      tables.set(leaf, table)
      return
    }
    const name = `_leaf_${tables.size}`
    await context.session.run(keepTable(name, table))
    tables.set(leaf, `SELECT * FROM ${ident(name)}`)
  }
  const leaves = new Set(leavesOf(plan))
  const asked = [...leaves].some(({ kind }) => kind === 'sql') ? askedOf(plan, input) : new Map<Leaf, never>()
  for (const leaf of leaves) {
    if (leaf.kind === 'source' && isFileSource(leaf.source)) {
      const found = await groupsOf(context, leaf, leaf.source)
      if (leaf.source.type === 'csv') await set(leaf, sourceTable(leaf.source, leaf.take, found, []))
      else groups.set(leaf, found)
    } else if (leaf.kind === 'sql')
      await set(leaf, onlyAsked(leaf, await sqlTable(context, leaf), asked.get(leaf) ?? []))
    else if (leaf.kind === 'log') tables.set(leaf, await context.logTable(leaf))
  }
  return {
    rows: (leaf, narrow) => {
      const found = groups.get(leaf)
      if (leaf.kind === 'source' && isFileSource(leaf.source) && found !== undefined)
        return sourceTable(leaf.source, leaf.take, found, narrow)
      return tables.get(leaf) ?? null
    },
    input,
  }
}

/** Finds the span of the spine's instants, so that rows beyond it need not be read. @throws MISSING_TIMESTAMP. */
async function rangesOf(session: Session, plan: Relation, loaded: Map<string, LoadedInput>): Promise<void> {
  for (const asOf of asOfsOf(plan)) {
    const input = must(loaded.get(asOf.left.name), `input ${asOf.left.name} was kept`)
    const at = ident(must(input.table.used.get(asOf.at), `the input has ${asOf.at}`))
    const [row] = await session.rows(
      `SELECT count(*), count(*) FILTER (WHERE ${at} IS NULL), min(${ident(rowColumn)}) FILTER (WHERE ${at} IS NULL), epoch_us(min(${at})), epoch_us(max(${at})) FROM ${ident(input.table.table)}`,
    )
    const [rows, missing, first, min, max] = row ?? []
    if (missing !== 0n)
      throw fail(
        'MISSING_TIMESTAMP',
        `${String(missing)} of ${String(rows)} rows have no timestamp in "${asOf.at}"; the first is row ${String(first)}, counted from 1`,
      )
    if (typeof min !== 'bigint' || typeof max !== 'bigint') continue
    const ranges = new Map([...(input.table.ranges ?? []), [asOf.at, { min, max }] as const])
    loaded.set(asOf.left.name, { ...input, table: { ...input.table, rows: Number(rows), ranges } })
  }
}
