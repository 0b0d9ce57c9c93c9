import type { RemoteOptions } from './client/open-remote.ts'
import type { Definitions } from './define/definition.ts'
import type { Clock } from './kernel/clock.ts'
import type { TypedStore } from './contract/typed-store.ts'
import { failAll } from './kernel/errors.ts'
import type { Store } from './contract/store.ts'
import type { ServeOptions } from './server/serve-repository.ts'
import type { RunningServer } from './server/start.ts'

export type { RemoteOptions } from './client/open-remote.ts'
export type { ServeOptions } from './server/serve-repository.ts'
export { entity, featureService, featureView, onDemand, source } from './define/builders.ts'
export { type ErrorCode, type Problem, ProvenderError, isProvenderError } from './kernel/errors.ts'
export { type Clock, manualClock, systemClock } from './kernel/clock.ts'
export type { KeysOf, OnlineRowOf, PushRowOf, Readable } from './define/inferred.ts'
export type {
  ApplyOptions,
  CallOptions,
  Change,
  DeadLetterEntry,
  DefinitionsLike,
  Described,
  EventsOptions,
  Exactness,
  HistoricalOptions,
  InstantLike,
  ListKind,
  MaterializeOptions,
  Named,
  OnlineOptions,
  OnlineRows,
  Plan,
  PushAnswer,
  PushOptions,
  Run,
  RunProgress,
  SdkValue,
  SnapshotOptions,
  Spine,
  Status,
  Store,
  Table,
  VersionEntry,
} from './contract/store.ts'
export type { HistoricalRowOf, TypedStore } from './contract/typed-store.ts'
export type { RunningServer } from './server/start.ts'
export { formatInstant, parseInstant } from './values/instant.ts'

/** How a store is opened. */
export interface OpenOptions {
  /** The domain's time; the machine's unless given. For tests, demos and replays. */
  readonly clock?: Clock
}

/**
 * Opens the store of the feature repository in a folder (or above it), or the one that a server serves: `openStore({ url })`. The verbs are the
 * same. Dispose it when done: `await using store = await openStore('.')`.
 * @throws NO_REPOSITORY; the errors of the configuration; STORE_UNREACHABLE, CORRUPT_STORE; USAGE for what is no URL.
 */
export async function openStore(target: string, options?: OpenOptions): Promise<TypedStore>
export async function openStore(target: RemoteOptions): Promise<TypedStore>
export async function openStore(target: string | RemoteOptions, options: OpenOptions = {}): Promise<TypedStore> {
  const store =
    typeof target === 'string'
      ? await (await import('./compose/open-store.ts')).openStore(target, options)
      : await (await import('./client/open-remote.ts')).openRemoteStore(target)
  // The verbs are the same; only their types know what the definitions say.
  return store as unknown as TypedStore
}

/**
 * The definitions in the files of a repository folder, to give to `store.plan` and `store.apply`.
 * @throws NO_REPOSITORY; the errors of all files as one.
 */
export async function loadDefinitions(dir: string): Promise<Definitions> {
  const { loadRepository } = await import('./definitions/load-files.ts')
  const { definitions, errors } = await loadRepository(dir)
  if (errors.length > 0) throw failAll(errors)
  return definitions
}

/**
 * Serves an opened store over HTTP as `provender serve` does, by the settings of its repository folder. Close the server first, then the store.
 * @throws USAGE where it cannot listen there; NO_REPOSITORY; the errors of the configuration.
 */
export async function startServer(
  store: Store | TypedStore,
  dir: string,
  options: ServeOptions = {},
): Promise<RunningServer> {
  const { serveRepository } = await import('./server/serve-repository.ts')
  return serveRepository(store as Store, dir, options)
}
