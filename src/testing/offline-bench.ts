import type { Definitions, WireDefinitions } from '../define/definition.ts'
import { type ResolvedView, resolveView } from '../define/resolved-view.ts'
import { fromWire } from '../define/wire.ts'
import { must } from '../kernel/assert.ts'
import type { OfflineStore, SpineInput } from '../ports/offline.ts'
import type { LogRow, PushLog } from '../ports/push-log.ts'
import { type AsOfRequest, type ViewUse, asOfPlan } from '../query/historical.ts'
import type { Relation } from '../query/relation.ts'
import type { Batch } from '../values/batch.ts'
import type { FeatureType } from '../values/feature-type.ts'
import type { Value } from '../values/value.ts'

/** One file of a source, as rows. */
export interface SourceTable {
  readonly columns: readonly { readonly name: string; readonly type: FeatureType }[]
  readonly rows: readonly (readonly (Value | null)[])[]
}

/** An offline store and the log beside it, fresh and empty. */
export interface OfflineUnderTest extends AsyncDisposable {
  readonly offline: OfflineStore
  readonly log: PushLog
  /** Makes the files of a source, in place of those it had; answers its path for the definition `{ type: parquet, path }`. */
  put(source: string, files: readonly SourceTable[]): Promise<string>
}

/** How the kit opens the engine. */
export interface OfflineHarness {
  open(): Promise<OfflineUnderTest>
}

/** A view over one source, described by what differs from the usual: entity key `k` int64, feature `v` int64, columns `at` and `seen`. */
export interface ViewSketch {
  readonly keys?: Readonly<Record<string, string>>
  readonly features?: Readonly<Record<string, unknown>>
  readonly ttl?: string
  readonly created?: boolean
  readonly map?: Readonly<Record<string, string>>
  readonly push?: boolean
}

/** The definitions of one view `view` over one source `source` at a path. */
export function sketch(path: string, view: ViewSketch = {}): { definitions: Definitions; view: ResolvedView } {
  const keys = view.keys ?? { k: 'int64' }
  const none = Object.keys(keys).length === 0
  const features = view.features ?? { v: 'int64' }
  const timed = { timestamp: 'at', ...(view.created === false ? {} : { created: 'seen' }) }
  const wire: WireDefinitions = {
    entities: none ? {} : { thing: { keys } },
    sources: {
      source:
        view.push === true
          ? { type: 'push', schema: { ...keys, ...features }, ...timed }
          : { type: 'parquet', path, ...timed },
    },
    views: {
      view: {
        entities: none ? [] : ['thing'],
        source: 'source',
        ...(view.map === undefined ? {} : { keys: view.map }),
        ...(view.ttl === undefined ? {} : { ttl: view.ttl }),
        features,
      },
    },
    on_demand: {},
    services: {},
  }
  const definitions = fromWire(wire)
  return { definitions, view: resolveView(definitions, must(definitions.views.get('view'), 'the view')) }
}

/** A use of a view with its features under their own names, or changed. */
export function useOf(view: ResolvedView, change: Partial<ViewUse> = {}): ViewUse {
  return {
    view,
    purgedBelow: 0n,
    keys: new Map(),
    outputs: view.features.map((f) => ({ feature: f.name, as: f.name })),
    ...change,
  }
}

/** All rows of a plan, by column. */
export async function read(
  offline: OfflineStore,
  plan: Relation,
  spine?: SpineInput,
): Promise<Record<string, (Value | null)[]>> {
  await using result = await offline.query({
    plan,
    ...(spine === undefined ? {} : { inputs: new Map([['spine', spine]]) }),
  })
  const columns: (Value | null)[][] = result.fields.map(() => [])
  for await (const batch of result.batches())
    for (const [i, column] of columns.entries()) column.push(...valuesOf(batch, i))
  return Object.fromEntries(result.fields.map((f, i) => [f.name, columns[i] ?? []]))
}

const valuesOf = (batch: Batch, column: number): (Value | null)[] =>
  Array.from({ length: batch.rows }, (_, i) => batch.columns[column]?.[i] ?? null)

/** The feature columns of an as-of join of one use to a spine with the timestamp column `at`. */
export async function asOf(
  offline: OfflineStore,
  definitions: Definitions,
  use: ViewUse,
  query: { spine: SpineInput; request?: Partial<AsOfRequest> },
): Promise<Record<string, (Value | null)[]>> {
  return read(
    offline,
    asOfPlan(definitions, [use], { timestamp: 'at', knownBySpine: false, ...query.request }),
    query.spine,
  )
}

/** Appends rows of one target to the log and answers their position. */
export async function append(
  log: PushLog,
  kind: 'view' | 'source',
  columns: readonly { readonly name: string; readonly type: FeatureType }[],
  rows: readonly LogRow[],
): Promise<bigint> {
  const [appended] = await log.append([
    { target: { kind, name: kind }, to: 'both', columns, rows, deadLetters: [], replayed: [] },
  ])
  if (appended?.kind !== 'appended') throw new Error('The record was appended')
  return appended.position
}

const second = 1_000_000n

/** 2024-01-01T00:00:00Z, and spans, in microseconds. */
export const T0 = 1_704_067_200n * second
export const hour = 3600n * second
export const day = 24n * hour
export const seconds = (n: number): bigint => T0 + BigInt(Math.round(n * 1e6))
