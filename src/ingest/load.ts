import type { Definitions, SourceDef } from '../define/definition.ts'
import { resolveView } from '../define/resolved-view.ts'
import type { Call } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import { nearest } from '../kernel/nearest.ts'
import type { LoadedRows, OfflineStore, SourceUse, UsedColumn } from '../ports/offline.ts'
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
    const rows = await offline.load(source, useOf(definitions, source), call)
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

/** What the views of a source do with it, each column and each set of keys once. */
function useOf(definitions: Definitions, source: SourceDef): SourceUse {
  const columns = new Map<string, UsedColumn>()
  const keys = new Map<string, UsedColumn[]>()
  const nameOf = ({ column, type }: UsedColumn): string => `${type} ${column}`
  for (const view of definitions.views.values()) {
    if (view.source !== source.name) continue
    const { joinKeys, features } = resolveView(definitions, view)
    const used = [...joinKeys, ...features].map(({ column, type }): UsedColumn => ({ column, type }))
    for (const each of used) columns.set(nameOf(each), each)
    const by = used.slice(0, joinKeys.length)
    if (by.length > 0) keys.set(JSON.stringify(by.map(nameOf).toSorted()), by)
  }
  return { columns: [...columns.values()], keys: [...keys.values()] }
}
