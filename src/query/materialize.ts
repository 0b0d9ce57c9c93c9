import type { Definitions } from '../define/definition.ts'
import type { ResolvedView } from '../define/resolved-view.ts'
import type { FileIdentity } from '../values/file-identity.ts'
import { type Interval, contains, unite } from '../values/intervals.ts'
import { within } from './cutoff.ts'
import { type Predicate, type Relation, own } from './relation.ts'
import { orderOf, readsInPlace, rowsInPlace, rowsPushed, unionOf } from './view-rows.ts'

/** What one run of a view reads. */
export interface RunScope {
  /** Event times whose rows were online before the run. */
  readonly covered: readonly Interval[]
  /** Event times that the run is to cover. */
  readonly request: readonly Interval[]
  /** Of the request, what is read as new ground: all of it where a start was given, else what is not covered. */
  readonly gap: readonly Interval[]
  /** Files whose rows within `covered` are online, and files that are new since. */
  readonly coveredFiles: readonly FileIdentity[]
  readonly newFiles: readonly FileIdentity[]
  /** Log records below it within `covered` are online; the run reads up to `logBefore`. */
  readonly coveredPosition: bigint
  readonly logBefore: bigint
  readonly purgedBelow: bigint
  /** For a `sql` source with `lateness`: its results from this instant on are read as new. Null: nothing in place is new but by files. */
  readonly newFrom: bigint | null
  /** For a table of somebody else's: rows created, or happened, from these instants on are read as new. Null: none is covered yet. */
  readonly foreign: { readonly createdFrom: bigint; readonly eventFrom: bigint } | null
}

/**
 * The rows that a run writes: for every entity with a row that became visible since, the maximum over all its rows within
 * coverage and request; for every other entity, the maximum over its rows on new ground. One row per entity, with its
 * keys, features and Provender's own columns; tombstones are rows. Null where there is nothing to read.
 */
export function runPlan(definitions: Definitions, view: ResolvedView, scope: RunScope): Relation | null {
  const ground = unite(scope.covered, scope.request)
  const { all, fresh: newRows } = partsOf(definitions, view, scope)
  if (all.length === 0 || ground.length === 0) return null
  const keys = view.joinKeys.map((k) => k.name)
  const latest = (input: Relation): Relation => ({ kind: 'latest', input, by: keys, order: orderOf(view) })
  if (contains(scope.gap, ground)) return latest(within(unionOf(all), ground))
  const candidates: Relation[] = []
  if (newRows.length > 0) {
    const fresh = within(unionOf(newRows), ground)
    const everything = within(unionOf(all), ground)
    // Without keys there is one entity, and any new row touches it; reading all its rows is right in any case.
    if (keys.length === 0) return latest(everything)
    candidates.push({
      kind: 'semi',
      input: everything,
      keys,
      among: { kind: 'derive', input: fresh, columns: keys.map((k) => ({ as: k, column: k })) },
    })
  }
  if (scope.gap.length > 0) candidates.push(within(unionOf(all), scope.gap))
  return candidates.length === 0 ? null : latest(unionOf(candidates))
}

/** All rows, each in one of them, and those that became visible since earlier runs, once more. */
function partsOf(
  definitions: Definitions,
  view: ResolvedView,
  scope: RunScope,
): { readonly all: readonly Relation[]; readonly fresh: readonly Relation[] } {
  const push = { purgedBelow: scope.purgedBelow }
  const logBefore = scope.coveredPosition < scope.logBefore ? scope.coveredPosition : scope.logBefore
  const known = rowsPushed(view, { ...push, logBefore })
  const fresh = rowsPushed(view, { ...push, logFrom: scope.coveredPosition, logBefore: scope.logBefore })
  const all = [...known, ...fresh]
  if (!readsInPlace(view.source)) return { all, fresh }
  if (view.source.type === 'sql') {
    const rows = rowsInPlace(definitions, view, {
      files: [...scope.coveredFiles, ...scope.newFiles],
      logBefore: scope.logBefore,
    })
    const since =
      scope.newFrom === null ? [] : [{ kind: 'filter' as const, input: rows, where: atLeast(own.event, scope.newFrom) }]
    return { all: [...all, rows], fresh: [...fresh, ...since] }
  }
  if (view.source.type === 'postgres') {
    const rows = rowsInPlace(definitions, view, {})
    return {
      all: [...all, rows],
      fresh: [...fresh, ...(scope.foreign === null ? [] : [cameSince(rows, scope.foreign)])],
    }
  }
  const read = (files: readonly FileIdentity[]): Relation[] =>
    files.length === 0 ? [] : [rowsInPlace(definitions, view, { files })]
  const files = read(scope.newFiles)
  return { all: [...all, ...read(scope.coveredFiles), ...files], fresh: [...fresh, ...files] }
}

/** Rows of a table that somebody else writes which may have come since an earlier run. */
function cameSince(rows: Relation, since: { readonly createdFrom: bigint; readonly eventFrom: bigint }): Relation {
  const all = [atLeast(own.created, since.createdFrom), atLeast(own.event, since.eventFrom)]
  return { kind: 'filter', input: rows, where: { op: 'or', all } }
}

const atLeast = (column: string, value: bigint): Predicate => ({ op: '>=', column, type: 'timestamp', value })

/** How many rows read in place a view leaves out since a key or the event time is null. */
export function skippedPlan(
  definitions: Definitions,
  view: ResolvedView,
  files: readonly FileIdentity[],
): Relation | null {
  if (!readsInPlace(view.source) || view.source.type === 'sql') return null
  const usable = rowsInPlace(definitions, view, { files })
  const columns = [...view.joinKeys.map((k) => k.name), own.event]
  return {
    kind: 'count',
    input: {
      kind: 'filter',
      input: usable.input,
      where: { op: 'or', all: columns.map((column) => ({ op: 'is null', column })) },
    },
  }
}
