import type { FeatureType } from '../values/feature-type.ts'
import type {
  ColumnDef,
  Definition,
  EntityDef,
  FeatureDef,
  Notes,
  ServiceDef,
  SourceDef,
  ViewDef,
} from './definition.ts'
import type { EntityBody, ServiceBody, ViewBody } from './grammar.ts'
import type { SourceBody } from './grammar-sources.ts'

/** The frozen definition of an entity. The body names its keys in one way only. */
export function compileEntity(name: string, body: EntityBody): EntityDef {
  const written = body.keys ?? (typeof body.key === 'string' ? { [name]: body.key } : (body.key ?? {}))
  const keys = Object.entries(written).map(([key, type]) => Object.freeze({ name: key, type }))
  return Object.freeze({ kind: 'entity', name, keys: Object.freeze(keys), ...notesOf(body) })
}

/** The frozen definition of a source. */
export function compileSource(name: string, body: SourceBody): SourceDef {
  const base = {
    kind: 'source',
    name,
    timestamp: body.timestamp,
    ...given({ created: body.created }),
    ...notesOf(body),
  } as const
  switch (body.type) {
    case 'parquet':
    case 'csv':
      return Object.freeze({ ...base, type: body.type, path: body.path })
    case 'sql':
      return Object.freeze({ ...base, type: body.type, sql: body.sql })
    case 'push':
      return Object.freeze({ ...base, type: body.type, schema: columns(body.schema) })
    case 'postgres':
      return Object.freeze({ ...base, type: body.type, ...given({ table: body.table, query: body.query }) })
    case 'kafka':
      return Object.freeze({
        ...base,
        type: body.type,
        topic: body.topic,
        format: body.format,
        schema: columns(body.schema),
      })
  }
}

/** The frozen definition of a view: defaults filled in, and mappings of a key to its own name left out. */
export function compileView(name: string, body: ViewBody): ViewDef {
  const keys = Object.entries(body.keys ?? {})
    .filter(([key, column]) => key !== column)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.freeze({
    kind: 'view',
    name,
    entities: Object.freeze([...body.entities]),
    source: body.source,
    keys: new Map(keys),
    ttlUs: body.ttl ?? 0n,
    online: body.online ?? true,
    ...given({ freshnessUs: body.freshness, latenessUs: body.lateness }),
    features: Object.freeze(
      Object.entries(body.features).map(([feature, written]) => compileFeature(feature, written)),
    ),
    ...notesOf(body),
  })
}

function compileFeature(name: string, written: ViewBody['features'][string]): FeatureDef {
  const body = typeof written === 'string' ? { type: written } : written
  return Object.freeze({
    name,
    type: body.type,
    column: body.column ?? name,
    ...given({ description: body.description }),
  })
}

/** The frozen definition of a service. */
export function compileService(name: string, body: ServiceBody): ServiceDef {
  const features = typeof body.features === 'string' ? [body.features] : body.features
  return Object.freeze({ kind: 'service', name, features: Object.freeze([...features]), ...notesOf(body) })
}

/** Definitions of one kind by name, in the order of names. */
export function byName<T extends Definition>(definitions: readonly T[]): ReadonlyMap<string, T> {
  return new Map(
    [...definitions].sort((a, b) => (a.name < b.name ? -1 : 1)).map((definition) => [definition.name, definition]),
  )
}

function columns(schema: Readonly<Record<string, FeatureType>>): readonly ColumnDef[] {
  return Object.freeze(Object.entries(schema).map(([name, type]) => Object.freeze({ name, type })))
}

function notesOf(body: {
  description?: string | undefined
  owner?: string | undefined
  tags?: Record<string, string> | undefined
}): Notes {
  const tags = Object.entries(body.tags ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  return given({
    description: body.description,
    owner: body.owner,
    tags: tags.length === 0 ? undefined : (new Map(tags) as ReadonlyMap<string, string>),
  })
}

/** The members that are there. */
function given<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}
