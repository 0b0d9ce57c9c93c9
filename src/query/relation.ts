import type { FeatureType } from '../values/feature-type.ts'
import type { Value } from '../values/value.ts'
import type { FileIdentity } from '../values/file-identity.ts'
import type { SourceDef } from '../define/definition.ts'

/**
 * The relational plan: rows as data, read from the leaves up. Plans hold the rules of Provender (which row is the
 * latest, what a cutoff hides, what a tombstone does); engines only know how to evaluate a node. Columns are known by
 * name; names that start with an underscore are Provender's own, since no user name does.
 */
export type Relation =
  | SourceRows
  | SqlRows
  | LogRows
  | InputRows
  | Derive
  | Filter
  | Union
  | Latest
  | SemiJoin
  | AsOf
  | Beside
  | Distinct
  | Sort
  | Count

/** Provender's own columns of a view's rows. */
export const own = Object.freeze({
  /** timestamp, never null: the event time. */
  event: '_event',
  /** timestamp or null: the created time. */
  created: '_created',
  /** int64: 1 for a row read in place, 0 for a pushed row (the attempt's number stands in its place in the online store). */
  reading: '_reading',
  /** int64 ≥ 0: the tie of a pushed row; 0 for a row read in place. */
  tie: '_tie',
  /** bool: the row is a tombstone. */
  tombstone: '_tombstone',
  /** int64 or null: the log position of a pushed row. */
  position: '_position',
})

/** A column taken from a leaf: the leaf's column read as the type, under a new name. One column may be taken several times. */
export interface Take {
  readonly column: string
  readonly as: string
  readonly type: FeatureType
}

/** The rows of a file or table source, in place. `files` limits a file source to these; absent = all files now. */
export interface SourceRows {
  readonly kind: 'source'
  readonly source: SourceDef
  readonly take: readonly Take[]
  readonly files?: readonly FileIdentity[]
}

/** The rows of a `sql` source: its one SELECT over its inputs. Rows pushed to the source itself come from a `log` leaf. */
export interface SqlRows {
  readonly kind: 'sql'
  readonly source: SourceDef
  readonly take: readonly Take[]
  readonly inputs: readonly SqlInput[]
}

/**
 * A source as user SQL sees it, under its own name with all of its own columns: its rows in place and the rows pushed to
 * it with `both` or `offline` at log positions below `before` (absent = all). A `sql` source as input has inputs itself.
 * With `knownAt` only rows created at or before it: then the source has a created column, or it is a `sql` source, whose
 * inputs are cut instead.
 */
export interface SqlInput {
  readonly source: SourceDef
  readonly files?: readonly FileIdentity[]
  readonly before?: bigint
  readonly knownAt?: bigint
  readonly inputs?: readonly SqlInput[]
}

/** Who a pushed row was pushed to. A view that was removed and added again is the same target. */
export interface LogTarget {
  readonly kind: 'view' | 'source'
  readonly name: string
}

/**
 * Rows of the push log for one target, between two positions (from inclusive, to exclusive; absent = unbounded),
 * pushed with one of `to`. Values are taken by (name, type, lossless widening); where the row has no such column, null.
 * Beside `take` it has all of Provender's own columns; a tombstone's taken values are null but for its keys.
 */
export interface LogRows {
  readonly kind: 'log'
  readonly target: LogTarget
  readonly take: readonly Take[]
  readonly from?: bigint
  readonly before?: bigint
  readonly to: readonly ('both' | 'online' | 'offline')[]
}

/** Rows that the caller brings, such as the spine. All its columns, in its order. */
export interface InputRows {
  readonly kind: 'input'
  readonly name: string
  /** The columns that the plan itself uses, with the types to read them as. */
  readonly uses: readonly { readonly name: string; readonly type: FeatureType }[]
}

/** Chooses, renames and adds constant columns. */
export interface Derive {
  readonly kind: 'derive'
  readonly input: Relation
  readonly columns: readonly (
    | { readonly as: string; readonly column: string }
    | { readonly as: string; readonly type: FeatureType; readonly constant: Value | null }
  )[]
}

/** Keeps rows for which the predicate is true. */
export interface Filter {
  readonly kind: 'filter'
  readonly input: Relation
  readonly where: Predicate
}

/** A comparison with null is false. */
export type Predicate =
  | {
      readonly op: '<' | '<=' | '>' | '>=' | '=' | '<>'
      readonly column: string
      readonly type: FeatureType
      readonly value: Value
    }
  | { readonly op: 'is not null' | 'is null'; readonly column: string }
  | { readonly op: 'and' | 'or'; readonly all: readonly Predicate[] }

/** All rows of all inputs; the inputs have the same column names, matched by name, in the first one's order. */
export interface Union {
  readonly kind: 'union'
  readonly inputs: readonly Relation[]
}

/** One row per group: the maximum by the columns of `order`, compared in turn (null least, NaN greatest, text by bytes, false before true). */
export interface Latest {
  readonly kind: 'latest'
  readonly input: Relation
  readonly by: readonly string[]
  readonly order: readonly string[]
}

/** The rows of `input` whose `keys` (never null) stand in a row of `among`. */
export interface SemiJoin {
  readonly kind: 'semi'
  readonly input: Relation
  readonly keys: readonly string[]
  readonly among: Relation
}

/** One as-of join of `AsOf`. */
export interface AsOfJoin {
  readonly right: Relation
  /** Left column = right column, typed equality; a null on either side matches nothing. Empty: every row matches. */
  readonly on: readonly { readonly left: string; readonly right: string }[]
  /** Microseconds; 0n = no limit. Checked on the winner: its event time ≥ at − ttl. */
  readonly ttlUs: bigint
  /** Also demand a created time, and that it is ≤ at; demanded before the latest is chosen. */
  readonly knownByLeft: boolean
  /** Columns of the right side that decide which row is the latest, as in `Latest`; the first is the event time. */
  readonly order: readonly string[]
  /** Right columns and their output names. All null where there is no winner, or it is a tombstone, or too old. */
  readonly outputs: readonly { readonly column: string; readonly as: string }[]
}

/** For each left row, in left order, exactly one output row: all left columns, then each join's outputs. */
export interface AsOf {
  readonly kind: 'asOf'
  readonly left: InputRows
  /** The left column of type timestamp, never null. */
  readonly at: string
  readonly joins: readonly AsOfJoin[]
}

/** For each left row, in left order, all of its columns and the used columns of the right row of the same number; both have as many rows. */
export interface Beside {
  readonly kind: 'beside'
  readonly left: InputRows
  readonly right: InputRows
}

/** Equal rows once. */
export interface Distinct {
  readonly kind: 'distinct'
  readonly input: Relation
}

/** Sorted by columns, ascending, null first, NaN last, text by bytes. */
export interface Sort {
  readonly kind: 'sort'
  readonly input: Relation
  readonly by: readonly string[]
}

/** One row with one int64 column `rows`: how many rows the input has. */
export interface Count {
  readonly kind: 'count'
  readonly input: Relation
}

/** The columns of a relation and their types, in order. For `input` only the used ones are known: the engine knows the rest. */
export function fieldsOf(relation: Relation): { name: string; type: FeatureType }[] {
  switch (relation.kind) {
    case 'source':
    case 'sql':
      return relation.take.map((t) => ({ name: t.as, type: t.type }))
    case 'log':
      return [...relation.take.map((t) => ({ name: t.as, type: t.type })), ...logFields]
    case 'input':
      return relation.uses.map((u) => ({ name: u.name, type: u.type }))
    case 'derive': {
      const types = new Map(fieldsOf(relation.input).map((f) => [f.name, f.type]))
      return relation.columns.map((c) => ({ name: c.as, type: 'column' in c ? typeOf(types, c.column) : c.type }))
    }
    case 'union':
      return relation.inputs[0] === undefined ? [] : fieldsOf(relation.inputs[0])
    case 'count':
      return [{ name: 'rows', type: 'int64' }]
    case 'beside':
      return [...fieldsOf(relation.left), ...fieldsOf(relation.right)]
    case 'asOf':
      return [
        ...fieldsOf(relation.left),
        ...relation.joins.flatMap((join) => {
          const types = new Map(fieldsOf(join.right).map((f) => [f.name, f.type]))
          return join.outputs.map((o) => ({ name: o.as, type: typeOf(types, o.column) }))
        }),
      ]
    default:
      return fieldsOf(relation.input)
  }
}

const logFields: readonly { name: string; type: FeatureType }[] = [
  { name: own.event, type: 'timestamp' },
  { name: own.created, type: 'timestamp' },
  { name: own.tie, type: 'int64' },
  { name: own.position, type: 'int64' },
  { name: own.tombstone, type: 'bool' },
]

function typeOf(types: ReadonlyMap<string, FeatureType>, column: string): FeatureType {
  const type = types.get(column)
  if (type === undefined) throw new Error(`Assertion failed: the plan has a column ${column}`)
  return type
}
