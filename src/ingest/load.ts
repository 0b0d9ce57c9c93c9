import type { Definitions, SourceDef } from '../define/definition.ts'
import { resolveView } from '../define/resolved-view.ts'
import type { Call } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import { nearest } from '../kernel/nearest.ts'
import type { LoadedRows, OfflineStore } from '../ports/offline.ts'
import type { Snapshots } from '../ports/snapshots.ts'

/** What was loaded of one source. */
export interface LoadedSource extends LoadedRows {
  readonly source: string
}

/**
 * Copies the files of sources into an offline store that cannot read files in place; nothing where it can. All file sources unless some
 * are named; running it again copies only what is new.
 * @throws UNKNOWN_NAME with the nearest name; as the engine. What was copied before a failure stays.
 */
export async function loadSources(
  { snapshots, offline }: { readonly snapshots: Pick<Snapshots, 'current'>; readonly offline: OfflineStore },
  names: readonly string[] | undefined,
  call?: Call,
): Promise<LoadedSource[]> {
  const { definitions } = await snapshots.current(call)
  const loaded: LoadedSource[] = []
  for (const source of names?.map((name) => sourceOf(definitions, name)) ?? definitions.sources.values()) {
    const rows = await offline.load(source, joinColumns(definitions, source), call)
    if (rows !== null) loaded.push({ source: source.name, ...rows })
  }
  return loaded
}

function sourceOf(definitions: Definitions, name: string): SourceDef {
  const source = definitions.sources.get(name)
  if (source !== undefined) return source
  const near = nearest(name, [...definitions.sources.keys()])
  throw fail(
    'UNKNOWN_NAME',
    `There is no source "${name}"`,
    near === undefined ? {} : { remedy: `Did you mean ${near}?` },
  )
}

/** The columns that views of a source are joined by, each set once. */
function joinColumns(definitions: Definitions, source: SourceDef): string[][] {
  const sets = new Map<string, string[]>()
  for (const view of definitions.views.values()) {
    if (view.source !== source.name) continue
    const columns = resolveView(definitions, view).joinKeys.map((key) => key.column)
    if (columns.length > 0) sets.set([...columns].sort().join(' '), columns)
  }
  return [...sets.values()]
}
