import type { Clock } from './kernel/clock.ts'
import type { TypedStore } from './contract/typed-store.ts'

export { entity, featureService, featureView, onDemand, source } from './define/builders.ts'
export { type ErrorCode, type Problem, ProvenderError, isProvenderError } from './kernel/errors.ts'
export { type Clock, manualClock, systemClock } from './kernel/clock.ts'
export type { KeysOf, OnlineRowOf, PushRowOf, Readable } from './define/inferred.ts'
export type * from './contract/store.ts'
export type { HistoricalRowOf, TypedStore } from './contract/typed-store.ts'
export { formatInstant, parseInstant } from './values/instant.ts'

/** How a store is opened. */
export interface OpenOptions {
  /** The domain's time; the machine's unless given. For tests, demos and replays. */
  readonly clock?: Clock
}

/**
 * Opens the store of the feature repository in a folder (or above it). Dispose it when done: `await using store = await openStore('.')`.
 * @throws NO_REPOSITORY; the errors of the configuration; STORE_UNREACHABLE, CORRUPT_STORE.
 */
export async function openStore(target: string, options: OpenOptions = {}): Promise<TypedStore> {
  const { openStore: open } = await import('./compose/open-store.ts')
  // The verbs are the same; only their types know what the definitions say.
  return (await open(target, options)) as unknown as TypedStore
}
