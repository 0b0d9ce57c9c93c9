import { allInputs } from '../../query/leaves.ts'
import { must } from '../../kernel/assert.ts'
import type { Call } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { type FileSourceDef, type SourceDef, type SqlSourceDef, noDefinitions } from '../../define/definition.ts'
import { createdColumn } from '../../define/resolved-view.ts'
import type { SourceFacts } from '../../ports/offline.ts'
import { sqlInputsOf } from '../../query/view-rows.ts'
import type { FileIdentity } from '../../values/file-identity.ts'
import { sourceType } from './column-type.ts'
import type { Engine } from './engine.ts'
import { explain } from './explain.ts'
import type { FileSchema } from './file-schema.ts'
import { type LeafContext, filesOfAskers } from './leaf-context.ts'
import { userQuery } from './sql-table.ts'
import { changeOf, filesOf } from './source-files.ts'

/** Looks at sources; the answers are in the order of the questions. */
export async function describeSources(
  engine: Engine,
  sources: readonly SourceDef[],
  all: ReadonlyMap<string, SourceDef>,
  call?: Call,
): Promise<SourceFacts[]> {
  const facts: SourceFacts[] = []
  for (const source of sources) facts.push(await describeSource(engine, source, all, call))
  return facts
}

async function describeSource(
  engine: Engine,
  source: SourceDef,
  all: ReadonlyMap<string, SourceDef>,
  call?: Call,
): Promise<SourceFacts> {
  switch (source.type) {
    case 'parquet':
    case 'csv':
      return describeFiles(engine, source, call)
    case 'sql':
      return describeSql(engine, source, all, call)
    case 'push': {
      const created = must(createdColumn(source), 'a push source has a created column')
      const columns = source.schema.filter((c) => c.name !== source.timestamp && c.name !== created)
      return {
        columns: [...columns, { name: source.timestamp, type: 'timestamp' }, { name: created, type: 'timestamp' }],
        files: [],
        rows: null,
      }
    }
    default:
      throw fail('UNSUPPORTED', `DuckDB does not read the ${source.type} source "${source.name}"`)
  }
}

/** How often files are listed again that changed while they were looked at. */
const describeTries = 4

async function describeFiles(engine: Engine, source: FileSourceDef, call?: Call): Promise<SourceFacts> {
  for (let tries = 1; ; tries++) {
    const files = await filesOf(source, engine.repositoryDir)
    try {
      return await factsOf(engine, source, { files, call })
    } catch (thrown) {
      if (tries === describeTries || (await changeOf(files)) === undefined) throw thrown
    }
  }
}

async function factsOf(
  engine: Engine,
  source: FileSourceDef,
  { files, call }: { readonly files: readonly FileIdentity[]; readonly call: Call | undefined },
): Promise<SourceFacts> {
  const opened = await engine.session(call, false)
  await using session = opened.session
  const schemas = await engine.schemas.of(session, files, source.type)
  const rows = source.type === 'csv' ? null : schemas.reduce((sum, schema) => sum + (schema.rows ?? 0), 0)
  return { columns: columnsOf(schemas), files, rows }
}

/** All columns of all files, in the order in which they first appear; where the types differ, the first one that differs from ours is told. */
function columnsOf(schemas: readonly FileSchema[]): { name: string; type: string }[] {
  const columns = new Map<string, string>()
  for (const schema of new Set(schemas)) {
    for (const { name, type } of schema.columns) {
      const found = columns.get(name)
      if (found === undefined) columns.set(name, sourceType(type))
    }
  }
  return [...columns].map(([name, type]) => ({ name, type }))
}

async function describeSql(
  engine: Engine,
  source: SqlSourceDef,
  all: ReadonlyMap<string, SourceDef>,
  call?: Call,
): Promise<SourceFacts> {
  const inputs = sqlInputsOf({ ...noDefinitions, sources: all }, source, {})
  const found = await filesOfAskers(allInputs(inputs), engine.repositoryDir)
  const files = distinct([...found.values()].flat())
  const { session, logTable } = await engine.lockedSession(
    files.map((f) => f.path),
    call,
    false,
  )
  try {
    const context: LeafContext = { session, schemas: engine.schemas, logTable, files: found }
    const { columns } = await userQuery(context, source.sql, inputs, `source "${source.name}"`)
    return { columns: columns.map((c) => ({ name: c.name, type: sourceType(c.type) })), files, rows: null }
  } catch (thrown) {
    throw await explain(thrown, {
      named: [],
      files: found,
      leaves: [],
      userSql: true,
      inputPaths: [],
      repositoryDir: engine.repositoryDir,
    })
  } finally {
    await session[Symbol.asyncDispose]()
  }
}

function distinct(files: readonly FileIdentity[]): FileIdentity[] {
  return [...new Map(files.map((f) => [f.path, f])).values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}
