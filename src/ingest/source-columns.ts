import type { Call } from '../kernel/call.ts'
import type { SourceDef } from '../define/definition.ts'
import { createdColumn } from '../define/resolved-view.ts'
import type { Snapshot } from '../decide/snapshot.ts'
import { takes } from '../decide/source-row.ts'
import { type FeatureType, ownType, readsAs, textCells } from '../values/feature-type.ts'
import type { IngestDeps } from './deps.ts'

/** The columns of a source as rows pushed to it have them. */
export interface SourceColumns {
  readonly columns: readonly { readonly name: string; readonly type: FeatureType }[]
  /** Columns of types that cannot be pushed. */
  readonly foreign: ReadonlyMap<string, string>
  readonly created: string | null
}

/**
 * The columns of a source: those that it declares, or else those that it is found to have; its event and created time are timestamps.
 * A column that views read as another type than it is found to have (a CSV's cells) has the type that they declare.
 */
export async function sourceColumns(
  deps: IngestDeps,
  snapshot: Snapshot,
  source: SourceDef,
  call?: Call,
): Promise<SourceColumns> {
  const created = createdColumn(source)
  const times = [source.timestamp, ...(created === null ? [] : [created])]
  const declared = declaredTypes(snapshot, source)
  const foreign = new Map<string, string>()
  const columns: { name: string; type: FeatureType }[] = []
  for (const { name, type } of 'schema' in source ? source.schema : await foundColumns(deps, snapshot, source, call)) {
    const wanted = declared.get(name) ?? []
    if (times.includes(name)) columns.push({ name, type: 'timestamp' })
    else {
      const pushed = typeOfPushed(type, wanted)
      if (pushed === undefined) foreign.set(name, type)
      else columns.push({ name, type: pushed })
    }
  }
  // Nothing is found of a source without files: what views read of it will be there.
  if (columns.length === 0 && foreign.size === 0)
    for (const [name, types] of declared)
      if (!times.includes(name)) columns.push({ name, type: typeOfPushed(textCells, types) ?? 'string' })
  for (const name of times)
    if (!columns.some((column) => column.name === name)) columns.push({ name, type: 'timestamp' })
  return { columns, foreign, created }
}

/** One type that all views can read: the source's own if they can, else the one of theirs that the most others take. */
function typeOfPushed(found: string, wanted: readonly FeatureType[]): FeatureType | undefined {
  const own = found === textCells ? undefined : ownType(found)
  if (own !== undefined && wanted.every((type) => takes(own, type))) return own
  const possible = wanted.filter((type) => readsAs(found, type))
  const takers = (type: FeatureType): number => possible.filter((other) => takes(type, other)).length
  const [best] = possible.toSorted((a, b) => takers(b) - takers(a))
  return best ?? own ?? (found === textCells ? 'string' : undefined)
}

/** The types as which views read the columns of a source. */
function declaredTypes(snapshot: Snapshot, source: SourceDef): Map<string, FeatureType[]> {
  const types = new Map<string, FeatureType[]>()
  for (const { head } of snapshot.views.values()) {
    if (head?.source.name !== source.name) continue
    for (const { column, type } of [...head.joinKeys, ...head.features])
      types.set(column, [...(types.get(column) ?? []), type])
  }
  return types
}

interface Found {
  readonly version: number
  readonly atMs: number
  readonly columns: Promise<readonly { readonly name: string; readonly type: string }[]>
}

/** How long what was found of a source is taken for true: a file with another column may come any time. */
const foundForMs = 60_000

const foundBy = new WeakMap<IngestDeps['offline'], Map<string, Found>>()

/** What a source is found to have; looked at once for a registry version, and again after a minute. */
function foundColumns(deps: IngestDeps, snapshot: Snapshot, source: SourceDef, call?: Call): Found['columns'] {
  const known = foundBy.get(deps.offline) ?? new Map<string, Found>()
  foundBy.set(deps.offline, known)
  const last = known.get(source.name)
  if (last !== undefined && last.version === snapshot.version && Date.now() - last.atMs < foundForMs)
    return last.columns
  const columns = deps.offline
    .describe([source], snapshot.definitions.sources, call)
    .then(([facts]) => facts?.columns ?? [])
  known.set(source.name, { version: snapshot.version, atMs: Date.now(), columns })
  columns.catch(() => known.delete(source.name))
  return columns
}
