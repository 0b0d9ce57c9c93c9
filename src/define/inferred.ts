import type { KeyType } from '../values/entity-key.ts'
import type { FeatureType, ScalarName } from '../values/feature-type.ts'

/** Names and their types, as literals. */
export type Types<T extends FeatureType = FeatureType> = Readonly<Record<string, T>>

declare const inferred: unique symbol

/** What can be read: a view, a view under an alias, one feature, a service. Holds its types for inference only. */
export interface Readable<Keys extends Types<KeyType> = Types<KeyType>, Outputs extends Types = Types> {
  readonly kind: 'view' | 'reference' | 'service'
  /** The feature reference. */
  readonly name: string
  readonly [inferred]?: { readonly keys: Keys; readonly outputs: Outputs }
}

declare const pushed: unique symbol

/** What can be pushed to: a view or a source. Holds its types for inference only. */
export interface Pushable<Needed extends Types = Types, Optional extends Types = Types> {
  readonly name: string
  readonly [pushed]?: { readonly needed: Needed; readonly optional: Optional }
}

/** What a scalar comes out as. */
interface ScalarOut {
  bool: boolean
  int32: number
  int64: number
  float32: number
  float64: number
  string: string
  bytes: Uint8Array
  timestamp: Date
}

/** What a scalar may go in as: int64 as number or bigint, instants as `Date`, RFC 3339 text or microseconds, bytes also as base64. */
interface ScalarIn {
  bool: boolean
  int32: number
  int64: number | bigint
  float32: number
  float64: number
  string: string
  bytes: Uint8Array | string
  timestamp: Date | string | bigint
}

/** The value of a type as the SDK gives it by default. */
export type ValueOut<T extends FeatureType> = T extends ScalarName
  ? ScalarOut[T]
  : T extends `list<${infer Item extends ScalarName}>`
    ? readonly (ScalarOut[Item] | null)[]
    : readonly number[]

/** A value of a type as the SDK takes it. */
export type ValueIn<T extends FeatureType> = T extends ScalarName
  ? ScalarIn[T]
  : T extends `list<${infer Item extends ScalarName}>`
    ? readonly (ScalarIn[Item] | null)[]
    : readonly number[]

/** Shows the members of a type instead of the names it is made of. */
export type Shown<T> = { [K in keyof T]: T[K] } & {}

/** The row of an online read: every feature may be null. */
export type OnlineRowOf<R> =
  R extends Readable<Types<KeyType>, infer Outputs>
    ? Shown<{ readonly [K in keyof Outputs]: ValueOut<Outputs[K]> | null }>
    : never

/** The join keys, or spine columns, that a read needs. */
export type KeysOf<R> = R extends Readable<infer Keys> ? Shown<{ readonly [K in keyof Keys]: ValueIn<Keys[K]> }> : never

/** A row as it is pushed: keys and event time must be there, the rest is null, or the clock, where it is left out. */
export type PushRowOf<P> =
  P extends Pushable<infer Needed, infer Optional>
    ? Shown<
        { readonly [K in keyof Needed]: ValueIn<Needed[K]> } & {
          readonly [K in keyof Optional]?: ValueIn<Optional[K]> | null
        }
      >
    : never

/** The keys of several readables together. */
export type AllKeys<L extends readonly unknown[], Sum extends Types<KeyType> = {}> = number extends L['length']
  ? Types<KeyType>
  : L extends readonly [infer First, ...infer Rest]
    ? AllKeys<Rest, Sum & (First extends Readable<infer Keys> ? Keys : Types<KeyType>)>
    : Sum

/** The outputs of several readables together. */
export type AllOutputs<L extends readonly unknown[], Sum extends Types = {}> = number extends L['length']
  ? Types
  : L extends readonly [infer First, ...infer Rest]
    ? AllOutputs<Rest, Sum & (First extends Readable<Types<KeyType>, infer Outputs> ? Outputs : Types)>
    : Sum

/** The first output name that two readables share, or never. */
export type SharedOutput<L extends readonly unknown[], Seen = never> = L extends readonly [infer First, ...infer Rest]
  ? First extends Readable<Types<KeyType>, infer Outputs>
    ? string extends keyof Outputs
      ? SharedOutput<Rest, Seen>
      : [keyof Outputs & Seen] extends [never]
        ? SharedOutput<Rest, Seen | keyof Outputs>
        : keyof Outputs & Seen
    : SharedOutput<Rest, Seen>
  : never
