import { fail } from '../kernel/errors.ts'
import type { KeyType } from '../values/entity-key.ts'
import type { FeatureType } from '../values/feature-type.ts'
import { type Built, build, nameOf } from './built.ts'
import type { AllKeys, AllOutputs, Pushable, Readable, SharedOutput, Shown, Types } from './inferred.ts'

export type { KeysOf, OnlineRowOf, PushRowOf } from './inferred.ts'

/** A duration: a whole number and a unit. */
export type Duration = `${number}${'s' | 'm' | 'h' | 'd' | 'w'}` | 0

/** What people say about a definition. */
export interface NoteOptions {
  readonly description?: string
  readonly owner?: string
  readonly tags?: Readonly<Record<string, string>>
}

/** An entity of the repository. */
export interface Entity<
  Name extends string = string,
  Keys extends Types<KeyType> = Types<KeyType>,
> extends Built<'entity'> {
  readonly name: Name
  readonly keys: Keys
}

/** One key: its type, or its own name and type. */
export interface OneKey<K extends KeyType | Types<KeyType>> extends NoteOptions {
  readonly key: K
  readonly keys?: never
}

/** Several keys: names and types. */
export interface SeveralKeys<K extends Types<KeyType>> extends NoteOptions {
  readonly keys: K
  readonly key?: never
}

/** Defines a thing that features describe, by the types of its join keys. One key of no other name has the entity's. */
export function entity<const Name extends string, const K extends KeyType>(
  name: Name,
  options: OneKey<K>,
): Entity<Name, { readonly [P in Name]: K }>
export function entity<const Name extends string, const K extends Types<KeyType>>(
  name: Name,
  options: OneKey<K> | SeveralKeys<K>,
): Entity<Name, K>
export function entity(name: string, options: OneKey<KeyType | Types<KeyType>> | SeveralKeys<Types<KeyType>>): Entity {
  const keys = options.keys ?? (typeof options.key === 'string' ? { [name]: options.key } : options.key)
  return build({ kind: 'entity', name, body: options, shown: { keys } })
}

/** The event and created time columns of a source. */
export interface TimeOptions<Time extends string, Created extends string> extends NoteOptions {
  readonly timestamp: Time
  readonly created?: Created
}

/** A source of the repository. */
export interface Source<
  Name extends string = string,
  Time extends string = string,
  Created extends string = string,
> extends Built<'source'> {
  readonly name: Name
  readonly timestamp: Time
  readonly created: Created | undefined
}

/** A source that rows are pushed to. */
export interface PushSource<Name extends string, Schema extends Types, Time extends string, Created extends string>
  extends
    Source<Name, Time, Created>,
    Pushable<
      { readonly [T in Time]: 'timestamp' },
      Omit<Schema, Time | Created> & { readonly [C in Created]: 'timestamp' }
    > {
  readonly name: Name
}

/** Defines where rows come from. */
export const source = Object.freeze({
  /** Parquet files: a file, a glob, or a folder, relative to the repository. */
  parquet: <const Name extends string, const Time extends string, const Created extends string = never>(
    name: Name,
    options: TimeOptions<Time, Created> & { readonly path: string },
  ): Source<Name, Time, Created> => buildSource('parquet', name, options),
  /** CSV files: a file, a glob, or a folder, relative to the repository. */
  csv: <const Name extends string, const Time extends string, const Created extends string = never>(
    name: Name,
    options: TimeOptions<Time, Created> & { readonly path: string },
  ): Source<Name, Time, Created> => buildSource('csv', name, options),
  /** One SELECT over other sources, by name. */
  sql: <const Name extends string, const Time extends string, const Created extends string = never>(
    name: Name,
    options: TimeOptions<Time, Created> & { readonly sql: string },
  ): Source<Name, Time, Created> => buildSource('sql', name, options),
  /** Rows that arrive by push only. */
  push: <
    const Name extends string,
    const Schema extends Types,
    const Time extends string,
    const Created extends string = 'created',
  >(
    name: Name,
    options: TimeOptions<Time, Created> & { readonly schema: Schema },
  ): PushSource<Name, Schema, Time, Created> => buildSource('push', name, options),
})

function buildSource<S extends Source>(type: string, name: string, options: TimeOptions<string, string>): S {
  return build({
    kind: 'source',
    name,
    body: { type, ...options },
    shown: { timestamp: options.timestamp, created: options.created },
  })
}

/** A feature: its type, or its type and source column. */
export type FeatureOptions<T extends FeatureType> =
  | T
  | { readonly type: T; readonly column?: string; readonly description?: string }

type Entities = readonly (Entity | string)[]

/** The keys of entities; of an entity given by name, anything. */
type KeysOfEntities<E extends Entities, Sum extends Types<KeyType> = {}> = number extends E['length']
  ? Types<KeyType>
  : E extends readonly [infer First, ...infer Rest extends Entities]
    ? KeysOfEntities<Rest, Sum & (First extends Entity<string, infer Keys> ? Keys : Types<KeyType>)>
    : Shown<Sum>

/** What a view is made of. */
export interface ViewOptions<E extends Entities, S extends Source | string, F extends Types> extends NoteOptions {
  readonly entities: E
  readonly source: S
  /** Join key: source column, only where the names differ. */
  readonly keys?: { readonly [K in keyof KeysOfEntities<E>]?: string }
  /** How long a value is good for; left out or 0 = no limit. */
  readonly ttl?: Duration
  /** Whether it is served online; true unless said. */
  readonly online?: boolean
  readonly freshness?: Duration
  readonly lateness?: Duration
  readonly features: { readonly [K in keyof F]: FeatureOptions<F[K]> }
}

type TimesOf<S> =
  S extends Source<string, infer Time, infer Created>
    ? { time: Time; created: Created }
    : { time: string; created: string }

/** A feature view of the repository. */
export interface FeatureView<
  Name extends string = string,
  Keys extends Types<KeyType> = Types<KeyType>,
  Features extends Types = Types,
  S = Source,
>
  extends
    Built<'view'>,
    Readable<Keys, Features>,
    Pushable<
      Keys & { readonly [T in TimesOf<S>['time']]: 'timestamp' },
      Omit<Features, keyof Keys | TimesOf<S>['time']> & { readonly [C in TimesOf<S>['created']]: 'timestamp' }
    > {
  readonly kind: 'view'
  readonly name: Name
  /** The view under another name, its join keys read from other columns: `origin__delay`. */
  alias<const A extends string, const M extends { readonly [K in keyof Keys]?: string } = {}>(
    alias: A,
    keys?: M,
  ): Alias<Remapped<Keys, M>, Prefixed<A, Features>>
  /** One feature of the view. */
  feature<const F extends keyof Features & string>(feature: F): Feature<Keys, Pick<Features, F>>
}

type Remapped<Keys extends Types<KeyType>, M> = {
  readonly [K in keyof Keys as K extends keyof M ? (M[K] extends string ? M[K] : K) : K]: Keys[K]
}
type Prefixed<A extends string, Features extends Types> = {
  readonly [K in keyof Features & string as `${A}__${K}`]: Features[K]
}
type Unprefixed<Name> = Name extends `${string}__${infer F}` ? F : never

/** A view under an alias. */
export interface Alias<Keys extends Types<KeyType>, Outputs extends Types> extends Readable<Keys, Outputs> {
  readonly kind: 'reference'
  /** One feature of the view, under the alias. */
  feature<const F extends Unprefixed<keyof Outputs>>(
    feature: F,
  ): Feature<Keys, { readonly [K in keyof Outputs as K extends `${string}__${F}` ? K : never]: Outputs[K] }>
}

/** One feature of a view. */
export interface Feature<Keys extends Types<KeyType>, Outputs extends Types> extends Readable<Keys, Outputs> {
  readonly kind: 'reference'
}

/** Defines named, typed columns of entities from one source. */
export function featureView<
  const Name extends string,
  const E extends Entities,
  S extends Source | string,
  const F extends Types,
>(name: Name, options: ViewOptions<E, S, F>): FeatureView<Name, KeysOfEntities<E>, F, S> {
  const given: unknown = options.features
  if (typeof given === 'function')
    throw fail('UNSUPPORTED', `view ${name}: windowed features are not supported yet`, {
      remedy: 'Compute them in a `sql` source, and declare the columns.',
    })
  const entities = Array.isArray(options.entities) ? options.entities.map(nameOf) : options.entities
  const shown = {
    alias: (alias: string, keys?: Readonly<Record<string, string>>) => reference(aliased(name, alias, keys)),
    feature: (feature: string) => Object.freeze({ kind: 'reference', name: `${name}:${feature}` }),
  }
  return build({ kind: 'view', name, body: { ...options, entities, source: nameOf(options.source) }, shown })
}

function aliased(view: string, alias: string, keys: Readonly<Record<string, string>> = {}): string {
  const mapping = Object.entries(keys).map(([key, column]) => `${key}=${column}`)
  return `${view}@${alias}${mapping.length === 0 ? '' : `(${mapping.join(',')})`}`
}

function reference(name: string): object {
  return Object.freeze({
    kind: 'reference',
    name,
    feature: (feature: string) => Object.freeze({ kind: 'reference', name: `${name}:${feature}` }),
  })
}

/** A feature service of the repository. */
export interface FeatureService<
  Name extends string = string,
  Keys extends Types<KeyType> = Types<KeyType>,
  Outputs extends Types = Types,
>
  extends Built<'service'>, Readable<Keys, Outputs> {
  readonly kind: 'service'
  readonly name: Name
}

type Readables = readonly ((Readable & { readonly kind: 'view' | 'reference' }) | string)[]

/** What a service is made of. */
export interface ServiceOptions<L extends Readables> extends NoteOptions {
  /** Views, views under aliases, single features, or references as text. */
  readonly features: L &
    ([SharedOutput<L>] extends [never]
      ? unknown
      : `feature name "${SharedOutput<L> & string}" appears twice: read one of the two under an alias`)
}

/** Defines the features that one model reads, in output order. */
export function featureService<const Name extends string, const L extends Readables>(
  name: Name,
  options: ServiceOptions<L>,
): FeatureService<Name, AllKeys<L>, AllOutputs<L>> {
  const features: unknown = options.features
  return build({
    kind: 'service',
    name,
    body: { ...options, features: Array.isArray(features) ? features.map(nameOf) : nameOf(features) },
    shown: {},
  })
}

/**
 * On-demand features, computed when they are read, are reserved until they are built.
 * @throws UNSUPPORTED always.
 */
export function onDemand(name: string, _options?: unknown): never {
  throw fail('UNSUPPORTED', `on-demand ${name}: on-demand features are not supported yet`, {
    remedy: 'Leave it out; compute it where the features are read.',
  })
}
