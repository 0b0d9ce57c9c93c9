import type { Definitions } from '../define/definition.ts'
import { createdColumn, resolveView } from '../define/resolved-view.ts'
import type { FeatureType } from '../values/feature-type.ts'

/** The types of the columns of what rows are pushed to, as far as definitions know them: by these the cells of a CSV are read. */
export function pushTypes(definitions: Definitions, target: string): Map<string, FeatureType> {
  const types = new Map<string, FeatureType>()
  const view = definitions.views.get(target)
  if (view !== undefined) {
    const { joinKeys, features, timestamp, created } = resolveView(definitions, view)
    for (const time of [timestamp, created]) if (time !== null) types.set(time, 'timestamp')
    for (const { name, type } of [...joinKeys, ...features]) types.set(name, type)
    return types
  }
  const source = definitions.sources.get(target)
  if (source === undefined) return types
  if ('schema' in source) for (const { name, type } of source.schema) types.set(name, type)
  for (const each of definitions.views.values()) {
    if (each.source !== target) continue
    const { joinKeys, features } = resolveView(definitions, each)
    for (const { column, type } of [...joinKeys, ...features]) types.set(column, type)
  }
  for (const time of [source.timestamp, createdColumn(source)]) if (time !== null) types.set(time, 'timestamp')
  return types
}
