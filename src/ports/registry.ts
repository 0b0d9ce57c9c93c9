import type { Call } from '../kernel/call.ts'
import type { WireDefinitions } from '../define/definition.ts'
import type { Generations } from '../decide/generations.ts'

/** One version of the registry; immutable. Version 0 is empty and always there. */
export interface RegistryVersion {
  readonly version: number
  readonly parent: number
  /** Microseconds. */
  readonly createdAt: bigint
  readonly author: string
  readonly message?: string
  readonly definitions: WireDefinitions
  /** How many changes it made. */
  readonly changes: number
}

/** Version 0: no definitions, never stored. */
export const noVersion: RegistryVersion = Object.freeze({
  version: 0,
  parent: 0,
  createdAt: 0n,
  author: '',
  definitions: Object.freeze({
    entities: Object.freeze({}),
    sources: Object.freeze({}),
    views: Object.freeze({}),
    on_demand: Object.freeze({}),
    services: Object.freeze({}),
  }),
  changes: 0,
})

/** The newest version and the generations of every view, read at one instant. */
export interface RegistrySnapshot {
  readonly head: RegistryVersion
  /** By view, removed views included until they are freed. */
  readonly generations: ReadonlyMap<string, Versioned<Generations>>
}

/** A document and the number that a compare-and-swap of it names. 0 = there is none yet. */
export interface Versioned<T> {
  readonly version: number
  readonly value: T
}

/** A commit: a new version and the generations that it changes, all or nothing. */
export interface Commit {
  readonly parent: number
  readonly definitions: WireDefinitions
  readonly author: string
  readonly message?: string
  readonly changes: number
  /** New generations by view, each with the document version it was made from. */
  readonly generations: readonly { readonly view: string; readonly expect: number; readonly value: Generations }[]
  /** The instant that new generations and revisions in it carry. Refused as stale when the store's clock is more than 1 s past it. */
  readonly at: bigint
}

/** What became of a compare-and-swap. */
export type Swap<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'conflict'; readonly head: number }
  | { readonly kind: 'stale' }

/** The registry: immutable versions; the only write is compare-and-swap. After disposal every call throws CLOSED. */
export interface Registry extends AsyncDisposable {
  /** The head and all generations, consistent. Cheap when nothing changed (`since` is the token of an earlier answer): then null. */
  snapshot(since?: string, call?: Call): Promise<{ readonly token: string; readonly snapshot: RegistrySnapshot } | null>
  /** One version, or null. */
  read(version: number, call?: Call): Promise<RegistryVersion | null>
  /** Committed versions (0 is none), newest first, without their definitions. */
  versions(limit: number, call?: Call): Promise<Omit<RegistryVersion, 'definitions'>[]>
  /** Conflict if the parent is not the head or a view's document moved. */
  commit(commit: Commit, call?: Call): Promise<Swap<RegistryVersion>>
}
