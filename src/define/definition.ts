import type { FeatureType } from '../values/feature-type.ts'
import type { KeyType } from '../values/entity-key.ts'

/** What people say about a definition; changes nothing that is stored. */
export interface Notes {
  readonly description?: string
  readonly owner?: string
  readonly tags?: ReadonlyMap<string, string>
}

/** A named, typed column. */
export interface ColumnDef {
  readonly name: string
  readonly type: FeatureType
}

/** A thing that features describe, with one or more typed join keys, in the order written. */
export interface EntityDef extends Notes {
  readonly kind: 'entity'
  readonly name: string
  readonly keys: readonly { readonly name: string; readonly type: KeyType }[]
}

interface SourceBase extends Notes {
  readonly kind: 'source'
  readonly name: string
  /** The column of the event time. */
  readonly timestamp: string
  /** The column of the created time, if there is one. A push source always has one: `created` unless named. */
  readonly created?: string
}

/** Files read in place: a file, a glob, or a folder (all files of its kind beneath it). */
export interface FileSourceDef extends SourceBase {
  readonly type: 'parquet' | 'csv'
  readonly path: string
}

/** One SELECT over other sources, by name, in the offline engine's dialect. */
export interface SqlSourceDef extends SourceBase {
  readonly type: 'sql'
  readonly sql: string
}

/** Rows that arrive by push only. */
export interface PushSourceDef extends SourceBase {
  readonly type: 'push'
  readonly schema: readonly ColumnDef[]
}

/** A PostgreSQL table or query. Exactly one of the two. */
export interface PostgresSourceDef extends SourceBase {
  readonly type: 'postgres'
  readonly table?: string
  readonly query?: string
}

/** A Kafka topic. */
export interface KafkaSourceDef extends SourceBase {
  readonly type: 'kafka'
  readonly topic: string
  readonly format: 'json'
  readonly schema: readonly ColumnDef[]
}

export type SourceDef = FileSourceDef | SqlSourceDef | PushSourceDef | PostgresSourceDef | KafkaSourceDef

/** A feature of a view: a source column of that type. */
export interface FeatureDef {
  readonly name: string
  readonly type: FeatureType
  /** The source column; the feature's name unless declared. */
  readonly column: string
  readonly description?: string
}

/** Named, typed columns of one or more entities from one source. */
export interface ViewDef extends Notes {
  readonly kind: 'view'
  readonly name: string
  readonly entities: readonly string[]
  readonly source: string
  /** Join key → source column, only where the names differ. */
  readonly keys: ReadonlyMap<string, string>
  /** Microseconds; 0n = no limit. */
  readonly ttlUs: bigint
  readonly online: boolean
  /** The freshness promised, in microseconds; absent = none. */
  readonly freshnessUs?: bigint
  /** How far back an incremental run looks for late rows where it cannot know better. */
  readonly latenessUs?: bigint
  readonly features: readonly FeatureDef[]
}

/** The features that one model reads. `features` are references, in output order. */
export interface ServiceDef extends Notes {
  readonly kind: 'service'
  readonly name: string
  readonly features: readonly string[]
}

/** A feature computed at request time. Parsed by name only until it is built. */
export interface OnDemandDef extends Notes {
  readonly kind: 'on-demand'
  readonly name: string
}

export type Definition = EntityDef | SourceDef | ViewDef | ServiceDef | OnDemandDef

/** All definitions of a repository at one version; frozen, each map in the order of names. */
export interface Definitions {
  readonly entities: ReadonlyMap<string, EntityDef>
  readonly sources: ReadonlyMap<string, SourceDef>
  readonly views: ReadonlyMap<string, ViewDef>
  readonly onDemand: ReadonlyMap<string, OnDemandDef>
  readonly services: ReadonlyMap<string, ServiceDef>
}

/** No definitions at all: version 0 of every registry. */
export const noDefinitions: Definitions = Object.freeze({
  entities: new Map(),
  sources: new Map(),
  views: new Map(),
  onDemand: new Map(),
  services: new Map(),
})

/** The wire form: the YAML grammar as canonical JSON (DESIGN words as keys, names sorted). */
export interface WireDefinitions {
  readonly entities: Readonly<Record<string, unknown>>
  readonly sources: Readonly<Record<string, unknown>>
  readonly views: Readonly<Record<string, unknown>>
  readonly on_demand: Readonly<Record<string, unknown>>
  readonly services: Readonly<Record<string, unknown>>
}
