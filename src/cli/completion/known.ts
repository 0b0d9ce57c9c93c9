import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Store } from '../../contract/store.ts'
import type { Definitions } from '../../define/definition.ts'
import { resolveView } from '../../define/resolved-view.ts'
import { fromWire } from '../../define/wire.ts'
import type { Session } from '../session.ts'

interface Named {
  readonly value: string
  readonly about: string
}

/** Names that the registry knows. */
export interface Known {
  readonly entities: readonly Named[]
  readonly sources: readonly Named[]
  readonly views: readonly Named[]
  readonly onlineViews: readonly Named[]
  readonly services: readonly Named[]
  /** Newest first. */
  readonly runs: readonly Named[]
  readonly versions: readonly Named[]
  featuresOf(view: string): readonly string[]
  /** The join keys of a view, or of all views that a service reads. */
  keysOf(reference: string): readonly string[]
}

/** Runs and versions that are shown to choose from. */
const shown = 20

/**
 * Reads the names of a repository or a server. Only the metadata store is opened, and none is made.
 * @throws where there is no repository, or it does not answer in time.
 */
export async function readKnown(
  session: Session,
  where: { readonly dir?: string; readonly url?: string },
  timeoutMs: number,
): Promise<Known> {
  await using store = await openAt(where)
  const options = { ...session.call, timeoutMs }
  const [{ definitions: wire }, runs, versions] = await Promise.all([
    store.registry(undefined, options),
    store.runs({ limit: shown }, options),
    store.versions({ ...options, limit: shown }),
  ])
  const definitions = fromWire(wire)
  const { entities, sources, views, services } = definitions
  return {
    entities: namesOf(entities),
    sources: namesOf(sources),
    views: namesOf(views),
    onlineViews: namesOf(views).filter(({ value }) => views.get(value)?.online === true),
    services: namesOf(services),
    runs: runs.map(({ id, view, state }) => ({ value: id, about: `${view}, ${state}` })),
    versions: versions.map(({ version, createdAt, message }) => ({
      value: String(version),
      about: message ?? createdAt,
    })),
    featuresOf: (view) => views.get(view)?.features.map(({ name }) => name) ?? [],
    keysOf: (reference) => keysOf(definitions, reference),
  }
}

async function openAt({ dir, url }: { readonly dir?: string; readonly url?: string }): Promise<Store> {
  if (url !== undefined) {
    const { openRemoteStore } = await import('../../client/open-remote.ts')
    return openRemoteStore({ url })
  }
  const [{ findRepository }, { loadConfig }, { openStore }] = await Promise.all([
    import('../../definitions/config.ts'),
    import('../../definitions/load-files.ts'),
    import('../../compose/open-store.ts'),
  ])
  const found = findRepository(resolve(dir ?? '.'))
  const { metadata } = loadConfig(found)
  if (!metadata.includes('://') && !existsSync(metadata)) throw new Error('Nothing has been applied yet')
  return openStore(found)
}

const namesOf = (map: ReadonlyMap<string, { readonly name: string; readonly description?: string }>): Named[] =>
  [...map.values()].map(({ name, description = '' }) => ({ value: name, about: description }))

function keysOf(definitions: Definitions, reference: string): string[] {
  const [name = ''] = reference.split(/[:@(]/)
  const { views, services } = definitions
  const read = views.has(name) ? [name] : (services.get(name)?.features ?? [])
  const keys = read.flatMap((each) => {
    const [, view = '', mapped] = /^([a-z0-9_]+)(?:@[a-z0-9_]+(?:\(([^)]*)\))?)?/.exec(each) ?? []
    const found = views.get(view)
    // A remapped key is read from the named field.
    if (mapped !== undefined) return mapped.split(',').map((pair) => pair.split('=')[1]?.trim() ?? '')
    return found === undefined ? [] : resolveView(definitions, found).joinKeys.map((key) => key.name)
  })
  return [...new Set(keys)].filter((key) => key !== '')
}
