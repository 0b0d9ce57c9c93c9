import type { Definitions, SourceDef } from '../define/definition.ts'
import { createdColumn } from '../define/resolved-view.ts'
import { must } from '../kernel/assert.ts'
import type { Call } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import type { OfflineStore, QueryResult, SpineInput } from '../ports/offline.ts'
import type { Snapshots } from '../ports/snapshots.ts'
import { type ViewUse, asOfPlan, eventsPlan, snapshotPlan, timeColumns } from '../query/historical.ts'
import type { Relation, SqlInput } from '../query/relation.ts'
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
  if (request.knownBySpine || request.asOf !== undefined) demandCreated(read, request)
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
  const snapshot = await deps.snapshots.lastSeen(request.call)
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
  if (request.asOf !== undefined) demandCreated(read, request)
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

/** What was known when can only be asked of views whose rows say it; and of a query at one instant, if all rows that it reads do. */
function demandCreated(read: Prepared, { asOf }: HistoricalRequest): void {
  for (const { view } of read.compiled.uses) {
    if (!readsInPlace(view.source)) continue
    const silent = asOf === undefined ? undefined : silentInput(sqlInputsOf(read.definitions, view.source, {}))
    if (silent !== undefined)
      throw fail(
        'NO_CREATED_COLUMN',
        `The source ${silent.name}, which the SQL of ${view.source.name} reads, has no created column, so what that was over the rows known at an instant cannot be told`,
        {
          remedy: `Declare  created: ${silent.timestamp}  for ${silent.name} if its rows are known at once, else the column that says when.`,
        },
      )
    if (view.created !== null) continue
    throw fail(
      'NO_CREATED_COLUMN',
      `The source ${view.source.name} of ${view.name} has no created column, so what was known when cannot be told`,
      {
        remedy: `Declare  created: ${view.timestamp}  for ${view.source.name} if its rows are known at once, else the column that says when.`,
      },
    )
  }
}

/** An input of SQL, however far down, whose rows do not say when they became known. */
const silentInput = (inputs: readonly SqlInput[]): SourceDef | undefined =>
  inputs
    .map(({ source, inputs: below }) =>
      source.type === 'sql' ? silentInput(below ?? []) : createdColumn(source) === null ? source : undefined,
    )
    .find((source) => source !== undefined)

async function notesOf(
  deps: HistoricalDeps,
  read: Prepared,
  { asOf, knownBySpine, call }: HistoricalRequest & { readonly knownBySpine?: boolean },
): Promise<string[]> {
  const sources = [
    ...new Map(
      read.compiled.uses.filter((u) => readsInPlace(u.view.source)).map((u) => [u.view.source.name, u.view.source]),
    ).values(),
  ]
  // One query cannot be over what was known at the instant of each spine row.
  const notes = sources
    .filter(({ type }) => type === 'sql' && knownBySpine === true)
    .map(
      ({ name, created }) =>
        `The SQL of ${name} is computed once for all spine rows, over all rows of its inputs: knownBy goes by what its column ${created ?? ''} says.`,
    )
  if (asOf === undefined) return notes
  const facts = await deps.offline.describe(sources, read.definitions.sources, call)
  for (const [i, source] of sources.entries()) {
    const later = facts[i]?.files.filter((f) => f.mtimeUs > asOf) ?? []
    if (later.length > 0)
      notes.push(
        `The source ${source.name} has ${later.length} file${later.length === 1 ? '' : 's'} written after asOf: what a training set built then would have held may differ.`,
      )
  }
  return notes
}

/** Every source under its name, for user SQL. */
function allInputs(definitions: Definitions): Extract<SpineInput, { kind: 'sql' }>['inputs'] {
  return [...definitions.sources.values()].map((source) =>
    source.type === 'sql' ? { source, inputs: sqlInputsOf(definitions, source, {}) } : { source },
  )
}
