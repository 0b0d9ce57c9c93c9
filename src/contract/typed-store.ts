import type { OnlineRowOf, Readable, KeysOf, PushRowOf, Pushable } from '../define/inferred.ts'
import type {
  HistoricalOptions,
  Named,
  OnlineOptions,
  OnlineRows,
  PushAnswer,
  PushOptions,
  SdkValue,
  Spine,
  Store,
  Table,
} from './store.ts'

/** A row of a historical read: the features, and whatever columns the spine has. */
export type HistoricalRowOf<R> = Readonly<Record<string, SdkValue>> & OnlineRowOf<R>

/**
 * The store with row types inferred from definitions: values of `featureView()`, `featureService()` and their aliases
 * give rows with the right names and types, and a wrong key or feature does not compile. Names as text work the same,
 * typed loosely.
 */
export interface TypedStore extends Omit<Store, 'online' | 'historical' | 'push'> {
  online<R extends Readable>(
    features: R,
    entities: readonly KeysOf<R>[],
    options?: OnlineOptions,
  ): Promise<OnlineRows<OnlineRowOf<R>>>
  online(
    features: string | readonly Named[],
    entities: readonly Readonly<Record<string, unknown>>[],
    options?: OnlineOptions,
  ): Promise<OnlineRows>
  historical<R extends Readable>(
    features: R,
    spine: Spine,
    options?: HistoricalOptions,
  ): Promise<Table<HistoricalRowOf<R>>>
  historical(features: string | readonly Named[], spine: Spine, options?: HistoricalOptions): Promise<Table>
  push<P extends Pushable>(target: P, rows: readonly PushRowOf<P>[], options?: PushOptions): Promise<PushAnswer>
  push(target: string, rows: readonly Readonly<Record<string, unknown>>[], options?: PushOptions): Promise<PushAnswer>
}
