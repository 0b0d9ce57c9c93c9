import type { Definitions } from '../define/definition.ts'
import type { ResolvedView } from '../define/resolved-view.ts'
import { knownAt, within } from './cutoff.ts'
import { type AsOfJoin, type Relation, own } from './relation.ts'
import { columnsOf, orderOf, viewRows } from './view-rows.ts'

/** One use of a view in a historical read: which features under which names, and from which spine columns its keys come. */
export interface ViewUse {
  readonly view: ResolvedView
  readonly purgedBelow: bigint
  /** Join key → spine column. */
  readonly keys: ReadonlyMap<string, string>
  readonly outputs: readonly { readonly feature: string; readonly as: string }[]
}

/** What an as-of join is asked for, beyond its views. */
export interface AsOfRequest {
  /** The spine's timestamp column. */
  readonly timestamp: string
  readonly knownBySpine: boolean
  readonly asOf?: bigint
}

/** For each spine row at t: the latest row with t − ttl ≤ event ≤ t, per view. The spine is the input `spine`. */
export function asOfPlan(definitions: Definitions, uses: readonly ViewUse[], request: AsOfRequest): Relation {
  const joins = uses.map((use): AsOfJoin => ({
    right: rowsKnown(definitions, use, request.asOf),
    on: use.view.joinKeys.map((k) => ({ left: use.keys.get(k.name) ?? k.name, right: k.name })),
    ttlUs: use.view.ttlUs,
    knownByLeft: request.knownBySpine,
    order: orderOf(use.view),
    outputs: use.outputs.map((o) => ({ column: o.feature, as: o.as })),
  }))
  const spineColumns = new Map<string, { name: string; type: ResolvedView['joinKeys'][number]['type'] }>()
  spineColumns.set(request.timestamp, { name: request.timestamp, type: 'timestamp' })
  for (const use of uses) {
    for (const key of use.view.joinKeys) {
      const name = use.keys.get(key.name) ?? key.name
      if (!spineColumns.has(name)) spineColumns.set(name, { name, type: key.type })
    }
  }
  return {
    kind: 'asOf',
    left: { kind: 'input', name: 'spine', uses: [...spineColumns.values()] },
    at: request.timestamp,
    joins,
  }
}

/** Names of the columns that reads without a spine add to keys and features. */
export const timeColumns = Object.freeze({ event: 'event_timestamp', created: 'created_timestamp' })

/** Every row of one view with event time in [start, end): keys, event and created time, features; by keys, then the Order; equal rows once. */
export function eventsPlan(
  definitions: Definitions,
  use: ViewUse,
  range: { readonly start: bigint; readonly end: bigint; readonly asOf?: bigint },
): Relation {
  const rows = within(rowsKnown(definitions, use, range.asOf), [{ start: range.start, end: range.end }])
  const keys = use.view.joinKeys.map((k) => k.name)
  const live: Relation = {
    kind: 'filter',
    input: rows,
    where: { op: '=', column: own.tombstone, type: 'bool', value: false },
  }
  // A row may lie in a file and have been pushed too, to the view or to its source: then only its reading and tie differ.
  const same = [...columnsOf(use.view), own.event, own.created]
  const where = [own.reading, own.tie]
  const once: Relation = {
    kind: 'latest',
    input: { kind: 'derive', input: live, columns: named([...same, ...where]) },
    by: same,
    order: where,
  }
  const sorted: Relation = { kind: 'sort', input: once, by: [...keys, ...orderOf(use.view)] }
  return {
    kind: 'derive',
    input: sorted,
    columns: [
      ...named(keys),
      { as: timeColumns.event, column: own.event },
      { as: timeColumns.created, column: own.created },
      ...use.outputs.map((o) => ({ as: o.as, column: o.feature })),
    ],
  }
}

/** One row per entity: the latest with event time ≤ at, and ≥ at − ttl unless expired ones are asked for; keys, event time, features; by keys. */
export function snapshotPlan(
  definitions: Definitions,
  use: ViewUse,
  range: { readonly at: bigint; readonly asOf?: bigint; readonly includeExpired: boolean },
): Relation {
  const rows = within(rowsKnown(definitions, use, range.asOf), [{ start: null, end: range.at + 1n }])
  const keys = use.view.joinKeys.map((k) => k.name)
  const latest: Relation = { kind: 'latest', input: rows, by: keys, order: orderOf(use.view) }
  const live: Relation = {
    kind: 'filter',
    input: latest,
    where: { op: '=', column: own.tombstone, type: 'bool', value: false },
  }
  const ttl = use.view.ttlUs
  const fresh: Relation =
    ttl === 0n || range.includeExpired
      ? live
      : {
          kind: 'filter',
          input: live,
          where: { op: '>=', column: own.event, type: 'timestamp', value: range.at - ttl },
        }
  return {
    kind: 'derive',
    input: { kind: 'sort', input: fresh, by: keys },
    columns: [
      ...named(keys),
      { as: timeColumns.event, column: own.event },
      ...use.outputs.map((o) => ({ as: o.as, column: o.feature })),
    ],
  }
}

/** The rows of a view that were known at an instant; all where none is given. A query is over what was known of its inputs. */
function rowsKnown(definitions: Definitions, { view, purgedBelow }: ViewUse, asOf: bigint | undefined): Relation {
  return knownAt(viewRows(definitions, view, { purgedBelow, ...(asOf === undefined ? {} : { knownAt: asOf }) }), asOf)
}

const named = (columns: readonly string[]): { as: string; column: string }[] =>
  columns.map((c) => ({ as: c, column: c }))
