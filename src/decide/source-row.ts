import type { ResolvedView } from '../define/resolved-view.ts'
import { type FeatureType, partsOf, widens } from '../values/feature-type.ts'
import type { Value } from '../values/value.ts'

/** A row of a view: one value for each join key, one or null for each feature, in the view's order. */
export interface ViewRow {
  readonly keys: readonly Value[]
  readonly features: readonly (Value | null)[]
}

/** A named, typed column of a pushed row. */
export interface PushedColumn {
  readonly name: string
  readonly type: FeatureType
}

/**
 * Compiles how a pushed row becomes a row of a view. Columns are taken by name and type, or a type that widens without loss; where there is
 * no such column, null. A row pushed to the view has its names, one pushed to the view's source has the source's.
 * @returns A reader that answers null for a row with a null key: it is no row of the view.
 */
export function viewRowReader(
  view: ResolvedView,
  from: 'view' | 'source',
  columns: readonly PushedColumn[],
): (values: readonly (Value | null)[]) => ViewRow | null {
  const nameOf = (part: { readonly name: string; readonly column: string }): string =>
    from === 'view' ? part.name : part.column
  const keys = view.joinKeys.map((key) => takerOf(columns, nameOf(key), key.type))
  const features = view.features.map((feature) => takerOf(columns, nameOf(feature), feature.type))
  return (values) => {
    const taken: Value[] = []
    for (const take of keys) {
      const key = take(values)
      if (key === null) return null
      taken.push(key)
    }
    return { keys: taken, features: features.map((take) => take(values)) }
  }
}

/** Whether a pushed column is read as another type, exactly: it widens, or its elements do. */
export function takes(pushed: FeatureType, as: FeatureType): boolean {
  if (widens(pushed, as)) return true
  const [a, b] = [partsOf(pushed), partsOf(as)]
  return a.kind === 'list' && b.kind === 'list' && widens(a.item, b.item)
}

type Taker = (values: readonly (Value | null)[]) => Value | null

function takerOf(columns: readonly PushedColumn[], name: string, as: FeatureType): Taker {
  const index = columns.findIndex((column) => column.name === name && takes(column.type, as))
  const pushed = columns[index]
  if (pushed === undefined) return () => null
  if (pushed.type === as) return (values) => values[index] ?? null
  return (values) => widen(values[index] ?? null, as)
}

/** A value as the wider type. Only an int32 changes its form on the way: to a bigint. */
function widen(value: Value | null, as: FeatureType): Value | null {
  if (value === null) return null
  if (as === 'int64' && typeof value === 'number') return BigInt(value)
  if (as === 'list<int64>' && Array.isArray(value))
    return (value as readonly (Value | null)[]).map((element) => widen(element, 'int64'))
  return value
}
