import type { Call } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import { nearest } from '../kernel/nearest.ts'
import type { Snapshot } from '../decide/snapshot.ts'
import type { ResolvedView } from '../define/resolved-view.ts'
import type { LogTarget } from '../query/relation.ts'
import type { KeyType } from '../values/entity-key.ts'
import type { FeatureType } from '../values/feature-type.ts'
import type { IngestDeps } from './deps.ts'
import { sourceColumns } from './source-columns.ts'

/** What a pushed row may hold, by the registry's head. */
export interface PushSchema {
  readonly target: LogTarget
  /** The columns of the log record, in order. */
  readonly columns: readonly { readonly name: string; readonly type: FeatureType }[]
  /** The columns that may not be null: the join keys of a view, which stand first in `columns`. */
  readonly keys: readonly { readonly name: string; readonly type: KeyType }[]
  /** The name of the event time. */
  readonly timestamp: string
  /** The name of the created time; null where a row brings none. */
  readonly created: string | null
  /** Columns that are there but of a type that cannot be pushed, with that type. */
  readonly foreign: ReadonlyMap<string, string>
  /** Whether a view that rows go to is online. */
  readonly online: boolean
}

/** What a name that rows are pushed to means. A view and a source may share one: the view is meant. @throws UNKNOWN_NAME with the nearest name. */
export function targetOf(snapshot: Snapshot, name: string): LogTarget {
  if ((snapshot.views.get(name)?.head ?? null) !== null) return { kind: 'view', name }
  if (snapshot.definitions.sources.has(name)) return { kind: 'source', name }
  throw unknownTarget(snapshot, name)
}

/**
 * Looks up what rows pushed to a view or source may hold.
 * @throws UNKNOWN_NAME; SOURCE_UNREADABLE, UNSUPPORTED for a source that has to be looked at.
 */
export async function pushSchema(
  deps: IngestDeps,
  snapshot: Snapshot,
  target: LogTarget,
  call?: Call,
): Promise<PushSchema> {
  if (target.kind === 'view') return viewSchema(headView(snapshot, target.name))
  const source = snapshot.definitions.sources.get(target.name)
  if (source === undefined) throw unknownName('source', target.name, snapshot.definitions.sources.keys())
  const { columns, foreign, created } = await sourceColumns(deps, snapshot, source, call)
  const online = [...snapshot.views.values()].some(({ head }) => head?.source.name === source.name && head.view.online)
  return { target, columns, keys: [], timestamp: source.timestamp, created, foreign, online }
}

/** The view of a name, as the registry's head has it. @throws UNKNOWN_NAME with the nearest name. */
export function headView(snapshot: Snapshot, name: string): ResolvedView {
  const view = snapshot.views.get(name)?.head
  if (view === undefined || view === null) throw unknownName('view', name, viewNames(snapshot))
  return view
}

function viewSchema(view: ResolvedView): PushSchema {
  const parts = [...view.joinKeys, ...view.features]
  // A feature of that name with a column of its own hides the created time: the clock's is taken.
  const hidden = parts.some((part) => part.name === view.created && part.column !== view.created)
  return {
    target: { kind: 'view', name: view.name },
    columns: parts.map(({ name, type }) => ({ name, type })),
    keys: view.joinKeys.map(({ name, type }) => ({ name, type })),
    timestamp: view.timestamp,
    created: hidden ? null : view.created,
    foreign: new Map(),
    online: view.view.online,
  }
}

const viewNames = (snapshot: Snapshot): string[] =>
  [...snapshot.views.values()].filter((view) => view.head !== null).map((view) => view.name)

function unknownTarget(snapshot: Snapshot, name: string): Error {
  const { services, onDemand, sources } = snapshot.definitions
  const other = services.has(name) ? 'a service' : onDemand.has(name) ? 'an on-demand view' : undefined
  if (other !== undefined)
    return fail('UNKNOWN_NAME', `"${name}" is ${other}; rows are pushed to views and sources`, {
      remedy: 'Push to a view or a source: provender ls lists them.',
    })
  return unknownName('view or source', name, [...viewNames(snapshot), ...sources.keys()])
}

function unknownName(kind: string, name: string, candidates: Iterable<string>): Error {
  const near = nearest(name, candidates)
  return fail(
    'UNKNOWN_NAME',
    `There is no ${kind} "${name}"`,
    near === undefined ? {} : { remedy: `Did you mean "${near}"?` },
  )
}
