import type { Definitions } from '../define/definition.ts'
import type { ResolvedView } from '../define/resolved-view.ts'
import type { Generation, Generations } from './generations.ts'

/** A generation with the definition that it stores and answers by. */
export interface StoredGeneration extends Generation {
  readonly resolved: ResolvedView
}

/** One view as a process sees it at one instant. */
export interface ViewSnapshot {
  readonly name: string
  /** By the registry's head; null for a view that was removed. */
  readonly head: ResolvedView | null
  readonly generations: Generations
  readonly serving: StoredGeneration | null
  readonly building: StoredGeneration | null
  /** Newest first. */
  readonly replaced: readonly (StoredGeneration & { readonly replacedAtMs: number })[]
}

/** The registry's head and all generations, read at one instant; frozen. Requests in flight keep the one they began with. */
export interface Snapshot {
  readonly version: number
  readonly definitions: Definitions
  readonly views: ReadonlyMap<string, ViewSnapshot>
}
