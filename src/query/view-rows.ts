import type { Definitions, SourceDef } from '../define/definition.ts'
import { type ResolvedView, sqlInputs } from '../define/resolved-view.ts'
import type { FileIdentity } from '../values/file-identity.ts'
import { must } from '../kernel/assert.ts'
import { type Filter, type LogRows, type Predicate, type Relation, type SqlInput, type Take, own } from './relation.ts'

/** Which of a view's rows a plan reads. Absent limits mean all there is. */
export interface RowsScope {
  /** Only these files of a file source; for `sql`, of its inputs. */
  readonly files?: readonly FileIdentity[]
  /** Only log records at or after this position, and below that one. */
  readonly logFrom?: bigint
  readonly logBefore?: bigint
  /** Of a `sql` source: what it is over the rows of its inputs that were created by this instant. Rows of other sources are filtered by who asks. */
  readonly knownAt?: bigint
  /** Records pushed to the view below this position were purged. */
  readonly purgedBelow: bigint
}

/** The columns by which rows of one entity are ordered, the latest last. Feature columns settle ties of rows read in place. */
export function orderOf(view: ResolvedView): string[] {
  const order: string[] = [own.event, own.created, own.reading, own.tie]
  return readsInPlace(view.source) ? [...order, ...view.features.map((f) => f.name)] : order
}

/** Whether rows of the source lie somewhere else than in the push log. */
export const readsInPlace = (source: SourceDef): boolean => source.type !== 'push' && source.type !== 'kafka'

/** The rows of a view read in place, with the columns join keys, features and Provender's own; rows without a key or event time are left out. */
export function rowsInPlace(
  definitions: Definitions,
  view: ResolvedView,
  scope: Pick<RowsScope, 'files' | 'logBefore' | 'knownAt'>,
): Filter {
  const take = takeBySourceColumn(view)
  const timed: Take[] = [...take, { column: view.timestamp, as: own.event, type: 'timestamp' }]
  if (view.created !== null) timed.push({ column: view.created, as: own.created, type: 'timestamp' })
  const leaf: Relation =
    view.source.type === 'sql'
      ? { kind: 'sql', source: view.source, take: timed, inputs: sqlInputsOf(definitions, view.source, scope) }
      : {
          kind: 'source',
          source: view.source,
          take: timed,
          ...(scope.files === undefined ? {} : { files: scope.files }),
        }
  return usable(view, {
    kind: 'derive',
    input: leaf,
    columns: [
      ...columnsOf(view).map((c) => ({ as: c, column: c })),
      { as: own.event, column: own.event },
      view.created === null
        ? { as: own.created, type: 'timestamp', constant: null }
        : { as: own.created, column: own.created },
      { as: own.reading, type: 'int64', constant: 1n },
      { as: own.tie, type: 'int64', constant: 0n },
      { as: own.tombstone, type: 'bool', constant: false },
    ],
  })
}

/** The pushed rows of a view: those pushed to its source, and those pushed to itself. Tombstones are rows. Empty where the scope is. */
export function rowsPushed(view: ResolvedView, scope: Omit<RowsScope, 'files'>): Filter[] {
  const range = (floor: bigint): Pick<LogRows, 'from' | 'before'> | null => {
    const from = scope.logFrom !== undefined && scope.logFrom > floor ? scope.logFrom : floor
    if (scope.logBefore !== undefined && from >= scope.logBefore) return null
    return { from, ...(scope.logBefore === undefined ? {} : { before: scope.logBefore }) }
  }
  const leaf = (kind: 'view' | 'source', name: string, take: readonly Take[], floor: bigint): Filter[] => {
    const limits = range(floor)
    if (limits === null) return []
    const log: LogRows = { kind: 'log', target: { kind, name }, take, to: ['both', 'offline'], ...limits }
    return [
      usable(view, {
        kind: 'derive',
        input: log,
        columns: [
          ...columnsOf(view).map((c) => ({ as: c, column: c })),
          { as: own.event, column: own.event },
          { as: own.created, column: own.created },
          { as: own.reading, type: 'int64', constant: 0n },
          { as: own.tie, column: own.tie },
          { as: own.tombstone, column: own.tombstone },
        ],
      }),
    ]
  }
  return [
    ...leaf('source', view.source.name, takeBySourceColumn(view), 0n),
    ...leaf('view', view.name, takeByName(view), scope.purgedBelow),
  ]
}

/** All rows of a view in a scope. */
export function viewRows(definitions: Definitions, view: ResolvedView, scope: RowsScope): Relation {
  const parts = [
    ...(readsInPlace(view.source) ? [rowsInPlace(definitions, view, scope)] : []),
    ...rowsPushed(view, scope),
  ]
  return unionOf(parts)
}

/** A union that is its only part where it has one. */
export function unionOf(parts: readonly Relation[]): Relation {
  return parts.length === 1 ? must(parts[0], 'one part') : { kind: 'union', inputs: parts }
}

/** The inputs of a `sql` source, all the way down, each with the files of the scope that are its own left to the engine. */
export function sqlInputsOf(
  definitions: Definitions,
  source: SourceDef,
  scope: Pick<RowsScope, 'files' | 'logBefore' | 'knownAt'>,
): SqlInput[] {
  if (source.type !== 'sql') return []
  return sqlInputs(definitions, source.name, source.sql).map((name) => {
    const input = must(definitions.sources.get(name), `source ${name} exists`)
    return {
      source: input,
      ...(scope.files === undefined ? {} : { files: scope.files }),
      ...(scope.logBefore === undefined ? {} : { before: scope.logBefore }),
      ...(scope.knownAt === undefined ? {} : { knownAt: scope.knownAt }),
      ...(input.type === 'sql' ? { inputs: sqlInputsOf(definitions, input, scope) } : {}),
    }
  })
}

/** The join keys and features of a view, in that order. */
export const columnsOf = (view: ResolvedView): string[] => [
  ...view.joinKeys.map((k) => k.name),
  ...view.features.map((f) => f.name),
]

const takeBySourceColumn = (view: ResolvedView): Take[] =>
  [...view.joinKeys, ...view.features].map((c) => ({ column: c.column, as: c.name, type: c.type }))

const takeByName = (view: ResolvedView): Take[] =>
  [...view.joinKeys, ...view.features].map((c) => ({ column: c.name, as: c.name, type: c.type }))

/** A row with a null key or event time is no row of a view. */
function usable(view: ResolvedView, input: Relation): Filter {
  const all: Predicate[] = [own.event, ...view.joinKeys.map((k) => k.name)].map((column) => ({
    op: 'is not null',
    column,
  }))
  return { kind: 'filter', input, where: { op: 'and', all } }
}
