import type { Definitions } from '../define/definition.ts'
import { must } from '../kernel/assert.ts'
import type { Call } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import type { OfflineStore, QueryResult, SpineInput } from '../ports/offline.ts'
import type { Snapshots } from '../ports/snapshots.ts'
import { type ViewUse, asOfPlan, eventsPlan, snapshotPlan, timeColumns } from '../query/historical.ts'
import { type Relation, type SqlInput, own } from '../query/relation.ts'
import { readsInPlace, sqlInputsOf } from '../query/view-rows.ts'
import { type Compiled, compileReferences, headCatalog } from './catalog.ts'
import { type SpineRequest, spineColumnsOf, timestampOf } from './spine.ts'

/** What historical reads need of the store. */
export interface HistoricalDeps {
  readonly snapshots: Snapshots
  readonly offline: OfflineStore
}

/** What the three modes share. Instants are microseconds. */
export interface HistoricalRequest {
  readonly features: readonly string[]
  readonly fullNames: boolean
  readonly asOf?: bigint
  readonly registryVersion?: number
  readonly call?: Call
}

/** A running query and what its reader should know. */
export interface HistoricalAnswer {
  readonly result: QueryResult
  readonly notes: readonly string[]
}

/**
 * The point-in-time join: exactly one row per spine row, in spine order, its own columns untouched.
 * @throws BAD_REQUEST, UNKNOWN_NAME, NAME_COLLISION, NO_CREATED_COLUMN, MISSING_KEY, MISSING_TIMESTAMP, and what the engine says of sources.
 */
export async function readHistorical(
  deps: HistoricalDeps,
  request: HistoricalRequest & {
    readonly spine: SpineRequest
    readonly timestamp?: string
    readonly knownBySpine: boolean
  },
): Promise<HistoricalAnswer> {
  const read = await prepare(deps, request)
  const spine: SpineInput =
    request.spine.kind === 'sql' ? { ...request.spine, inputs: allInputs(read.definitions) } : request.spine
  const columns = await spineColumnsOf(deps.offline, request.spine, read.definitions, request.call)
  const timestamp = timestampOf(columns, request.timestamp)
  for (const field of read.compiled.keyFields) {
    if (columns !== null && !columns.some((c) => c.name === field.name)) {
      throw fail('MISSING_KEY', `The spine has no column "${field.name}", a join key of ${field.label}`, {
        at: '/spine',
        remedy: `Add the column, or map the key: ${field.label}@alias(${field.name}=its_column).`,
      })
    }
  }
  if (columns !== null)
    demandFreeNames(
      columns.map((c) => c.name),
      read.compiled,
    )
  if (request.knownBySpine || request.asOf !== undefined) demandCreated(read)
  const uses = read.compiled.uses.map((_, i) => viewUse(read, i))
  const plan = asOfPlan(read.definitions, uses, {
    timestamp,
    knownBySpine: request.knownBySpine,
    ...(request.asOf === undefined ? {} : { asOf: request.asOf }),
  })
  const notes = await notesOf(deps, read, request)
  const result = await deps.offline.query({ plan, inputs: new Map([['spine', spine]]) }, request.call)
  if (columns === null)
    demandFreeNames(
      result.fields.slice(0, result.fields.length - read.compiled.outputs.length).map((f) => f.name),
      read.compiled,
    )
  return { result, notes }
}

/** Every row of one view with event time in [start, end). @throws as `readHistorical`; BAD_REQUEST for features of several views. */
export async function readEvents(
  deps: HistoricalDeps,
  request: HistoricalRequest & { readonly start: bigint; readonly end: bigint },
): Promise<HistoricalAnswer> {
  if (request.start >= request.end)
    throw fail('BAD_REQUEST', 'The interval is empty: its start is not before its end', { at: '/start' })
  return readAlone(deps, request, [timeColumns.event, timeColumns.created], (definitions, use) =>
    eventsPlan(definitions, use, request),
  )
}

/** One row per entity, the latest at an instant. @throws as `readEvents`. */
export async function readSnapshot(
  deps: HistoricalDeps,
  request: HistoricalRequest & { readonly at: bigint; readonly includeExpired: boolean },
): Promise<HistoricalAnswer> {
  return readAlone(deps, request, [timeColumns.event], (definitions, use) => snapshotPlan(definitions, use, request))
}

interface Prepared {
  readonly definitions: Definitions
  readonly compiled: Compiled
  readonly purgedBelow: ReadonlyMap<string, bigint>
}

async function prepare(deps: HistoricalDeps, request: HistoricalRequest): Promise<Prepared> {
  const snapshot = await deps.snapshots.current(request.call)
  const definitions =
    request.registryVersion === undefined
      ? snapshot.definitions
      : await deps.snapshots.definitions(request.registryVersion, request.call)
  const compiled = compileReferences(headCatalog(definitions), request.features, { fullNames: request.fullNames })
  return {
    definitions,
    compiled,
    purgedBelow: new Map([...snapshot.views.values()].map((v) => [v.name, v.generations.purgedBelow])),
  }
}

async function readAlone(
  deps: HistoricalDeps,
  request: HistoricalRequest,
  times: readonly string[],
  planOf: (definitions: Definitions, use: ViewUse) => Relation,
): Promise<HistoricalAnswer> {
  const read = await prepare(deps, request)
  if (read.compiled.uses.length !== 1) {
    throw fail(
      'BAD_REQUEST',
      `Events and snapshots read one view; these features are of ${read.compiled.uses.map((u) => u.label).join(', ')}`,
      { at: '/features', remedy: 'Ask for each view by itself, or join them to a spine.' },
    )
  }
  const keys = read.compiled.uses.flatMap(({ view }) => view.joinKeys.map((key) => key.name))
  demandOtherKeys(times, keys)
  demandFreeNames([...times, ...keys], read.compiled)
  if (request.asOf !== undefined) demandCreated(read)
  const notes = await notesOf(deps, read, request)
  const result = await deps.offline.query({ plan: planOf(read.definitions, viewUse(read, 0)) }, request.call)
  return { result, notes }
}

function viewUse(read: Prepared, i: number): ViewUse {
  const use = must(read.compiled.uses[i], 'a use')
  return {
    view: use.view,
    purgedBelow: read.purgedBelow.get(use.view.name) ?? 0n,
    keys: new Map(use.view.joinKeys.map((k, j) => [k.name, use.fields[j] ?? k.name])),
    outputs: use.outputs.map((o) => {
      const output = must(read.compiled.outputs[o], 'an output')
      return { feature: output.feature.name, as: output.name }
    }),
  }
}

/** Output columns and the columns that are there already must differ, without regard to case. */
function demandFreeNames(taken: readonly string[], compiled: Compiled): void {
  const lower = new Map(taken.map((name) => [name.toLowerCase(), name]))
  for (const output of compiled.outputs) {
    const other = lower.get(output.name.toLowerCase())
    if (other === undefined) continue
    const label = must(compiled.uses[output.use], 'a use').label
    throw fail('NAME_COLLISION', `The output "${output.name}" of ${label} collides with the column "${other}"`, {
      at: '/features',
      remedy: 'Use full names or an alias, or rename the column.',
    })
  }
}

/** Join keys and the times beside them must differ, too. */
function demandOtherKeys(times: readonly string[], keys: readonly string[]): void {
  const key = keys.find((name) => times.includes(name.toLowerCase()))
  if (key === undefined) return
  throw fail('NAME_COLLISION', `The join key "${key}" collides with the column "${key.toLowerCase()}" of its time`, {
    at: '/features',
    remedy: 'Join to a spine instead, or rename the key.',
  })
}

/** What was known when can only be asked of views whose rows say it. */
function demandCreated(read: Prepared): void {
  for (const { view } of read.compiled.uses) {
    if (view.created !== null || !readsInPlace(view.source)) continue
    throw fail(
      'NO_CREATED_COLUMN',
      `The source ${view.source.name} of ${view.name} has no created column, so what was known when cannot be told`,
      {
        remedy: `Declare  created: ${view.timestamp}  for ${view.source.name} if its rows are known at once, else the column that says when.`,
      },
    )
  }
}

async function notesOf(deps: HistoricalDeps, read: Prepared, request: HistoricalRequest): Promise<string[]> {
  const { asOf } = request
  if (asOf === undefined) return []
  const sources = [
    ...new Map(
      read.compiled.uses.filter((u) => readsInPlace(u.view.source)).map((u) => [u.view.source.name, u.view.source]),
    ).values(),
  ]
  const facts = await deps.offline.describe(sources, read.definitions.sources, request.call)
  const notes: string[] = []
  for (const [i, source] of sources.entries()) {
    const later = facts[i]?.files.filter((f) => f.mtimeUs > asOf) ?? []
    if (later.length > 0)
      notes.push(
        `The source ${source.name} has ${later.length} file${later.length === 1 ? '' : 's'} written after asOf: what a training set built then would have held may differ.`,
      )
    for (const input of inputNames(sqlInputsOf(read.definitions, source, {})))
      if (await pushedAfter(deps, input, { asOf, call: request.call }))
        notes.push(
          `Rows were pushed after asOf to ${input}, which the SQL of ${source.name} reads: what a training set built then would have held may differ.`,
        )
  }
  return notes
}

/** The inputs of SQL, all the way down, each once. */
const inputNames = (inputs: readonly SqlInput[]): string[] => [
  ...new Set(inputs.flatMap(({ source, inputs: below }) => [source.name, ...inputNames(below ?? [])])),
]

/** Whether rows that count as history were pushed to a source after an instant. */
async function pushedAfter(
  { offline }: HistoricalDeps,
  name: string,
  { asOf, call }: { readonly asOf: bigint; readonly call: Call | undefined },
): Promise<boolean> {
  const rows: Relation = { kind: 'log', target: { kind: 'source', name }, take: [], to: ['both', 'offline'] }
  const later: Relation = {
    kind: 'filter',
    input: rows,
    where: { op: '>', column: own.created, type: 'timestamp', value: asOf },
  }
  await using result = await offline.query({ plan: { kind: 'count', input: later } }, call)
  for await (const batch of result.batches()) return batch.columns[0]?.[0] !== 0n
  return false
}

/** Every source under its name, for user SQL. */
function allInputs(definitions: Definitions): Extract<SpineInput, { kind: 'sql' }>['inputs'] {
  return [...definitions.sources.values()].map((source) =>
    source.type === 'sql' ? { source, inputs: sqlInputsOf(definitions, source, {}) } : { source },
  )
}
