import { fail, type ProvenderError } from '../kernel/errors.ts'
import { nearest } from '../kernel/nearest.ts'
import { type FeatureType, readsAs } from '../values/feature-type.ts'
import { partitionOf, partitionRemedy } from '../values/file-identity.ts'
import type { Definitions } from '../define/definition.ts'
import { type ResolvedView, resolveView } from '../define/resolved-view.ts'
import type { SourceFacts } from '../ports/offline.ts'

/** A column that a view reads, and as what. */
interface Wanted {
  readonly column: string
  readonly type: FeatureType
  /** `its event time`, `the feature delay of view airport_delays` */
  readonly as: string
}

/**
 * Holds views to the columns that their sources were found to have: each must be there, of the declared type or one that
 * widens to it without loss. A source without any file has no columns yet, and is not judged.
 * @returns MISSING_COLUMN and TYPE_MISMATCH errors that name source, file, column and both types.
 */
export function checkColumns(definitions: Definitions, facts: ReadonlyMap<string, SourceFacts>): ProvenderError[] {
  const errors = new Map<string, ProvenderError>()
  for (const view of definitions.views.values()) {
    const resolved = resolveView(definitions, view)
    const found = facts.get(resolved.source.name)
    if (found === undefined || found.columns.length === 0) continue
    for (const error of wantedBy(resolved).flatMap((wanted) => check(resolved, found, wanted)))
      errors.set(error.message, error)
  }
  return [...errors.values()]
}

function wantedBy(view: ResolvedView): Wanted[] {
  const source = `of source ${view.source.name}`
  return [
    { column: view.timestamp, type: 'timestamp', as: `the event time ${source}` },
    ...(view.created === null
      ? []
      : [{ column: view.created, type: 'timestamp', as: `the created time ${source}` } as const]),
    ...view.joinKeys.map((key) => ({
      column: key.column,
      type: key.type,
      as: `the join key ${key.name} of view ${view.name}`,
    })),
    ...view.features.map((feature) => ({
      column: feature.column,
      type: feature.type,
      as: `the feature ${feature.name} of view ${view.name}`,
    })),
  ]
}

function check(
  { source }: ResolvedView,
  { columns, files }: SourceFacts,
  { column, type, as }: Wanted,
): ProvenderError[] {
  const where = `source ${source.name}${placeOf(source)}`
  const found = columns.find((each) => each.name === column)
  if (found === undefined) {
    const remedy = remedyOf(
      column,
      columns.map((each) => each.name),
      partitionOf(files, column),
    )
    return [fail('MISSING_COLUMN', `${where} has no column "${column}", which is ${as}`, { remedy })]
  }
  if (readsAs(found.type, type)) return []
  return [fail('TYPE_MISMATCH', `${where}: column "${column}" is ${found.type}, but ${as} is ${type}`)]
}

function remedyOf(column: string, names: readonly string[], folder: string | undefined): string {
  if (folder !== undefined) return partitionRemedy(folder)
  const near = nearest(column, names)
  if (near !== undefined) return `Did you mean "${near}"?`
  return `It has ${names.slice(0, columnsShown).join(', ')}${names.length > columnsShown ? ', …' : ''}.`
}

/** Columns that an error lists where none is near. */
const columnsShown = 20

const placeOf = (source: ResolvedView['source']): string => ('path' in source ? ` (${source.path})` : '')
