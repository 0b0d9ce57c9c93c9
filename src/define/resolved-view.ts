import type { FeatureType } from '../values/feature-type.ts'
import type { KeyType } from '../values/entity-key.ts'
import type { Definitions, SourceDef, ViewDef } from './definition.ts'
import { must } from '../kernel/assert.ts'

/** A view with everything that its rows depend on looked up: what plans, runs, pushes and readers work with. */
export interface ResolvedView {
  readonly name: string
  readonly view: ViewDef
  readonly source: SourceDef
  /** What the source's values mean (`sourceMeaning`): a change of it is a change of all that is stored. */
  readonly origin: string
  /** In the order of the view's entities and their keys; a key shared by two entities stands once. */
  readonly joinKeys: readonly JoinKey[]
  readonly features: readonly ResolvedFeature[]
  /** Columns of the source. */
  readonly timestamp: string
  readonly created: string | null
  readonly ttlUs: bigint
}

export interface JoinKey {
  readonly name: string
  readonly type: KeyType
  /** The source column. */
  readonly column: string
}

export interface ResolvedFeature {
  readonly name: string
  readonly type: FeatureType
  readonly column: string
  /** What the stored value means beside name and type: two columns with different meanings are never mixed up. */
  readonly meaning: string
}

/** Looks up what a view depends on. The definitions must be valid. */
export function resolveView(definitions: Definitions, view: ViewDef): ResolvedView {
  const source = must(definitions.sources.get(view.source), `source ${view.source} of view ${view.name} exists`)
  const joinKeys = new Map<string, JoinKey>()
  for (const entityName of view.entities) {
    const entity = must(definitions.entities.get(entityName), `entity ${entityName} of view ${view.name} exists`)
    for (const key of entity.keys)
      joinKeys.set(key.name, Object.freeze({ ...key, column: view.keys.get(key.name) ?? key.name }))
  }
  const origin = sourceMeaning(definitions, source)
  return Object.freeze({
    name: view.name,
    view,
    source,
    origin,
    joinKeys: Object.freeze([...joinKeys.values()]),
    features: Object.freeze(
      view.features.map((f) =>
        Object.freeze({ name: f.name, type: f.type, column: f.column, meaning: `${f.column}@${origin}` }),
      ),
    ),
    timestamp: source.timestamp,
    created: createdColumn(source),
    ttlUs: view.ttlUs,
  })
}

/** The created column of a source; a push source always has one. */
export function createdColumn(source: SourceDef): string | null {
  return source.created ?? (source.type === 'push' || source.type === 'kafka' ? 'created' : null)
}

/**
 * What makes a source's values what they are: a change of it is a change of meaning. Rows are pushed to a source by its
 * name, so it is part of that. For `sql`, its text and all its inputs, with the types in which SQL sees rows pushed to them.
 */
function sourceMeaning(definitions: Definitions, source: SourceDef): string {
  return JSON.stringify([
    source.name,
    source.type,
    ...ownMeaning(definitions, source),
    source.timestamp,
    createdColumn(source),
  ])
}

function ownMeaning(definitions: Definitions, source: SourceDef): unknown[] {
  switch (source.type) {
    case 'parquet':
    case 'csv':
      return [source.path]
    case 'sql':
      return [
        source.sql,
        sqlInputs(definitions, source.name, source.sql).map((name) => {
          const input = must(definitions.sources.get(name), `input ${name}`)
          return [sourceMeaning(definitions, input), 'schema' in input ? input.schema : null]
        }),
      ]
    case 'push':
      return []
    case 'postgres':
      return [source.table ?? null, source.query ?? null]
    case 'kafka':
      return [source.topic, source.format]
  }
}

/** The sources that a `sql` source's text mentions by name, itself left out, sorted: a superset of what it reads. Cycles are refused when definitions are validated. */
export function sqlInputs(definitions: Definitions, self: string, sql: string): string[] {
  const words = new Set(sql.toLowerCase().match(/[a-z_][a-z0-9_]*/g))
  return [...definitions.sources.keys()].filter((name) => name !== self && words.has(name)).sort()
}
