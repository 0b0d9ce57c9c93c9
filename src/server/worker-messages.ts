import type { Problem } from '../kernel/errors.ts'
import type { Family } from './metric-family.ts'
import type { Role } from './roles.ts'

/** How one of several processes serves a repository. */
export interface WorkerOrder {
  readonly dir: string
  /** Where the primary listens. */
  readonly url: string
  readonly roles: readonly Role[]
  readonly drainWaitMs: number
  /** Which of them it is, from 1. */
  readonly worker: number
  /** How many there are: they share the machine. */
  readonly workers: number
}

/** What the primary tells a worker. */
export type ToWorker =
  | { readonly kind: 'start'; readonly order: WorkerOrder }
  /** Hands a connection over: it comes beside. */
  | { readonly kind: 'take'; readonly id: number }
  | { readonly kind: 'drain' }
  /** Asks for its series, for another worker's scrape. */
  | { readonly kind: 'count'; readonly id: number }
  /** The series of all others, for its own scrape. */
  | { readonly kind: 'others'; readonly id: number; readonly parts: readonly (readonly Family[])[] }

/** What a worker tells the primary. */
export type ToPrimary =
  | { readonly kind: 'ready' }
  /** A connection is in its hands. */
  | { readonly kind: 'taken'; readonly id: number }
  /** It ends by itself: no more connections, please. */
  | { readonly kind: 'leaving' }
  | { readonly kind: 'failed'; readonly problem: Problem }
  /** Its series: because it was asked to, or (without an id) because it ends. */
  | { readonly kind: 'counted'; readonly id?: number; readonly part: readonly Family[] }
  /** Asks for the series of the others; brings its own, for the case that it ends. */
  | { readonly kind: 'ask others'; readonly id: number; readonly part: readonly Family[] }
