import type { JoinKey, ResolvedView } from '../define/resolved-view.ts'

/**
 * What becomes of a generation's rows when its view's definition changes. `none`: they stay what they are. `revision`:
 * they go on serving, and the next materialization reads everything again, since some may be missing or incomplete.
 * `generation`: existing values would mean something else, so others are built beside them.
 */
export type StoredEffect = 'none' | 'revision' | 'generation'

/** Decides what a change of a view's definition does to rows that were stored by `from`. */
export function storedEffect(from: ResolvedView, to: ResolvedView): StoredEffect {
  if (meaningChanges(from, to).length > 0) return 'generation'
  return hasMore(from, to) || settlesTiesOtherwise(from, to) ? 'revision' : 'none'
}

/** What changes the meaning of stored values, in words: keys, source, and the features that both have. */
export function meaningChanges(from: ResolvedView, to: ResolvedView): string[] {
  const keys =
    from.joinKeys.length === to.joinKeys.length && from.joinKeys.every((key, i) => sameKey(key, to.joinKeys[i]))
  const features = from.features.flatMap((feature) => {
    const now = to.features.find((each) => each.name === feature.name)
    if (now === undefined) return []
    if (now.type !== feature.type) return [`${feature.name} is ${now.type} instead of ${feature.type}`]
    return now.column === feature.column
      ? []
      : [`${feature.name} is the column ${now.column} instead of ${feature.column}`]
  })
  return [...(keys ? [] : ['other keys']), ...(from.origin === to.origin ? [] : ['another source']), ...features]
}

const sameKey = (from: JoinKey, to: JoinKey | undefined): boolean =>
  from.name === to?.name && from.type === to.type && from.column === to.column

/** A new feature is null in every stored row; under a longer ttl rows count that were never stored, or were swept. */
function hasMore(from: ResolvedView, to: ResolvedView): boolean {
  const longer = from.ttlUs !== 0n && (to.ttlUs === 0n || to.ttlUs > from.ttlUs)
  return longer || addedFeatures(from, to).length > 0
}

/** The names of features that only the new definition has. */
export function addedFeatures(from: ResolvedView, to: ResolvedView): string[] {
  const names = new Set(from.features.map((feature) => feature.name))
  return to.features.map((feature) => feature.name).filter((name) => !names.has(name))
}

/**
 * Rows that tie are settled by their features in declared order. So one that is taken away, or moved, can make another
 * row the latest, unless only the last ones go. Pushed rows carry the number that settles them.
 */
function settlesTiesOtherwise(from: ResolvedView, to: ResolvedView): boolean {
  if (to.source.type === 'push' || to.source.type === 'kafka') return false
  return to.features.some((feature, i) => from.features[i]?.name !== feature.name)
}
