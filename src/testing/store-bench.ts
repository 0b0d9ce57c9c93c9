import assert from 'node:assert/strict'
import type { MaterializeOptions, OnlineOptions, Run, Store } from '../contract/store.ts'
import type { WireDefinitions } from '../define/definition.ts'
import type { Clock } from '../kernel/clock.ts'
import type { OfflineCan } from '../ports/offline.ts'
import { formatInstant } from '../values/instant.ts'
import type { Value } from '../values/value.ts'
import type { SourceTable } from './offline-bench.ts'

/** Puts a backup back; as often as one likes. */
export type PutBack = () => Promise<void>

/** A store of its own, with nothing in it, and the ways to harm it that operators know. */
export interface StoreUnderTest extends AsyncDisposable {
  /** The open store: another object after metadata was put back. */
  readonly store: Store
  readonly clock: Clock & { set(instant: bigint): void }
  readonly can: OfflineCan
  /** Writes a file of the source whose definition says `path: <its name>`, in place of one of that name; null removes it. */
  put(source: string, file: string, table: SourceTable | null): Promise<void>
  backupOnline(): Promise<PutBack>
  /** Leaves an empty online store in place of the one that the open store uses. */
  wipeOnline(): Promise<void>
  /** Answers what closes the store, puts metadata back as it was and opens the store again. */
  backupMetadata(): Promise<PutBack>
  /** The store in the process that runs, where `onPhase` is called; `store` unless that is another's. */
  readonly home?: Store
  /** Calls back between two named phases of every run from now on; what it throws ends the run as if its process had died there. */
  onPhase(hook: ((phase: string) => void) | null): void
}

/** How the kit opens a store. A new generation may serve as soon as it is whole, in the millisecond of its birth too: no other process has to be waited for. */
export interface StoreHarness {
  open(): Promise<StoreUnderTest>
}

export const second = 1_000_000n
export const minute = 60n * second
export const hour = 60n * minute

/** The columns of the files of `things`. */
export const thingColumns = [
  { name: 'k', type: 'int64' },
  { name: 'at', type: 'timestamp' },
  { name: 'seen', type: 'timestamp' },
  { name: 'v', type: 'int64' },
  { name: 'w', type: 'int64' },
] as const

/** A row of `things`. `seen` is `at`, and `w` is `v` + 100, unless given. */
export interface Thing {
  readonly k: number
  readonly at: bigint
  readonly v: number | null
  readonly seen?: bigint | null
  readonly w?: number | null
}

/** A view of the column `v` of `things` by `k`, with what differs. */
export function things(view: Readonly<Record<string, unknown>> = {}): WireDefinitions {
  const features = { v: 'int64' }
  return {
    entities: { thing: { keys: { k: 'int64' } } },
    sources: { things: { type: 'parquet', path: 'things', timestamp: 'at', created: 'seen' } },
    views: { view: { entities: ['thing'], source: 'things', features, ...view } },
    on_demand: {},
    services: {},
  }
}

/** Writes a file of `things`. */
export async function putThings(t: StoreUnderTest, file: string, rows: readonly Thing[] | null): Promise<void> {
  const int = (n: number | null): bigint | null => (n === null ? null : BigInt(n))
  const values = (r: Thing): (Value | null)[] => {
    const w = r.w === undefined ? (r.v === null ? null : r.v + 100) : r.w
    return [BigInt(r.k), r.at, r.seen === undefined ? r.at : r.seen, int(r.v), int(w)]
  }
  await t.put('things', file, rows === null ? null : { columns: thingColumns, rows: rows.map(values) })
}

/** Opens a store with one file of `things` and the view applied. */
export async function openThings(
  harness: StoreHarness,
  rows: readonly Thing[],
  view: Readonly<Record<string, unknown>> = {},
): Promise<StoreUnderTest> {
  const t = await harness.open()
  await putThings(t, 'first', rows)
  await t.store.apply(things(view))
  return t
}

/** Lets time pass. */
export const wait = (t: StoreUnderTest, us: bigint): void => t.clock.set(t.clock.now() + us)

/** What is served of one feature for each key: its value, or the status that stands for it. */
export async function served(
  t: StoreUnderTest,
  keys: readonly number[],
  feature = 'view:v',
  options: OnlineOptions = {},
): Promise<unknown[]> {
  const rows = await t.store.online(
    feature,
    keys.map((k) => ({ k })),
    options,
  )
  return rows.statuses.map(([status], i) => (status === 'PRESENT' ? Object.values(rows[i] ?? {})[0] : status))
}

/** Event times served for each key, null where there is no row. */
export async function servedTimes(t: StoreUnderTest, keys: readonly number[]): Promise<(bigint | null)[]> {
  const rows = await t.store.online(
    'view',
    keys.map((k) => ({ k })),
  )
  return rows.eventTimes.map(([time]) => time ?? null)
}

/** What history says of one feature of each key at now, null where it says nothing. */
export async function remembered(t: StoreUnderTest, keys: readonly number[], column = 'v'): Promise<unknown[]> {
  const rows = await (await t.store.snapshot('view', { at: t.clock.now() })).rows()
  return keys.map((k) => rows.find((r) => r['k'] === k)?.[column] ?? null)
}

/** The only run of a materialization of `view`. */
export async function materialize(t: StoreUnderTest, options?: MaterializeOptions): Promise<Run> {
  const [run, ...others] = await t.store.materialize('view', options)
  assert.ok(run !== undefined && others.length === 0)
  return run
}

/** The stored state of `view`, as it is shown. */
export async function shown(t: StoreUnderTest): Promise<{ generation: unknown; coverage: unknown; building: unknown }> {
  const view = await t.store.show('views', 'view')
  return { generation: view['generation'], coverage: view['coverage'], building: view['building'] }
}

/** Coverage up to and with now, from the beginning. */
export const upToNow = (t: StoreUnderTest): unknown => [[null, formatInstant(t.clock.now() + 1n)]]

/** Matches an error of the store by its code, and what its message has to name. */
export const refusal =
  (code: string, ...names: string[]) =>
  (thrown: unknown): boolean => {
    assert.ok(thrown instanceof Error && 'code' in thrown, String(thrown))
    assert.equal(thrown.code, code, thrown.message)
    for (const name of names) assert.ok(thrown.message.includes(name), `"${thrown.message}" names ${name}`)
    return true
  }
