import type { Status } from '../contract/store.ts'
import type { Snapshot, ViewSnapshot } from '../decide/snapshot.ts'
import type { ErrorFacts } from '../kernel/errors.ts'
import type { Space } from '../ports/online.ts'
import type { FeatureType } from '../values/feature-type.ts'
import { type StoredColumn, parseSchemaText } from '../codecs/packed-row.ts'
import { type RowReader, type ValueForm, type Wanted, rowReader } from '../codecs/row-reader.ts'
import { must } from '../kernel/assert.ts'
import { fail } from '../kernel/errors.ts'
import { type Catalog, type KeyField, type Use, compileReferences, unknownView } from './catalog.ts'

/** References compiled for online reads by one snapshot: nothing of it is worked out again per request. */
export interface OnlinePlan {
  readonly features: readonly string[]
  readonly types: readonly FeatureType[]
  /** Labels of the uses. */
  readonly views: readonly string[]
  readonly reads: readonly ViewRead[]
  readonly keyFields: readonly KeyField[]
  /** Each different list of key fields, by their places in `keyFields`: encoded once per entity however many views it serves. */
  readonly keyLists: readonly (readonly number[])[]
  readonly keyIsFields: boolean
  readonly registryVersion: number
  /** One status for each feature. */
  readonly all: Readonly<Record<Status, readonly Status[]>>
}

/** One reading of one view. */
export interface ViewRead {
  readonly space: Space
  readonly ttlUs: bigint
  /** Which of the plan's `keyLists` finds its rows. */
  readonly keys: number
  /** Where its values stand among the features. */
  readonly slots: readonly number[]
  /** Its columns, each to be put where it stands among the features. */
  readonly wanted: readonly (Wanted & { readonly slot: number })[]
  /** Schemas of rows by fingerprint; filled as fingerprints are met. */
  readonly schemas: Map<number, readonly StoredColumn[]>
}

/** Plans per snapshot; a request seldom brings a list of references that none brought before. */
const plansPerSnapshot = 1000

/** The plans of one snapshot. Of one reference, which is the usual, its text is the key. */
class Plans {
  readonly #short = new Map<string, OnlinePlan>()
  readonly #full = new Map<string, OnlinePlan>()

  of(snapshot: Snapshot, references: readonly string[], fullNames: boolean): OnlinePlan {
    const plans = fullNames ? this.#full : this.#short
    const [only] = references
    const key = references.length === 1 && only !== undefined ? only : JSON.stringify(references)
    const known = plans.get(key)
    if (known !== undefined) return known
    const plan = planOf(snapshot, references, fullNames)
    if (plans.size >= plansPerSnapshot) plans.clear()
    plans.set(key, plan)
    return plan
  }
}

const plans = new WeakMap<Snapshot, Plans>()
/** Almost all requests have the snapshot of the one before. */
let last: { readonly snapshot: Snapshot; readonly plans: Plans } | undefined

/** The plan for references, from the cache of the snapshot where it is there. @throws as `compileReferences`. */
export function onlinePlan(snapshot: Snapshot, references: readonly string[], fullNames: boolean): OnlinePlan {
  if (last?.snapshot !== snapshot) {
    let known = plans.get(snapshot)
    if (known === undefined) plans.set(snapshot, (known = new Plans()))
    last = { snapshot, plans: known }
  }
  return last.plans.of(snapshot, references, fullNames)
}

/** The views as their serving generations answer, each by its own definition. */
export function servingCatalog(snapshot: Snapshot): Catalog {
  return {
    definitions: snapshot.definitions,
    lookUp(name, facts) {
      const { view, generation } = servingView(snapshot, name, facts)
      return {
        view: generation.resolved,
        newer: [view.head, view.building?.resolved].filter((v) => v !== null && v !== undefined),
      }
    },
  }
}

function servingView(
  snapshot: Snapshot,
  name: string,
  facts: ErrorFacts,
): { view: ViewSnapshot; generation: NonNullable<ViewSnapshot['serving']> } {
  const view = snapshot.definitions.views.has(name) ? snapshot.views.get(name) : undefined
  if (view === undefined) throw unknownView(snapshot.definitions, name, facts)
  if (view.serving === null)
    throw fail('NOT_ONLINE', `The view ${name} is not online`, {
      ...facts,
      remedy: `Set \`online: true\` for ${name}, or read it with historical retrieval.`,
    })
  return { view, generation: view.serving }
}

function planOf(snapshot: Snapshot, references: readonly string[], fullNames: boolean): OnlinePlan {
  const { outputs, uses, keyFields } = compileReferences(servingCatalog(snapshot), references, { fullNames })
  const keyLists = new Map<string, { readonly index: number; readonly fields: readonly number[] }>()
  const keysOf = (use: Use): number => {
    const fields = use.fields.map((name) => keyFields.findIndex((field) => field.name === name))
    const name = fields.join()
    const known = keyLists.get(name) ?? { index: keyLists.size, fields }
    keyLists.set(name, known)
    return known.index
  }
  const reads = uses.map((use): ViewRead => {
    const { generation } = servingView(snapshot, use.view.name, {})
    return Object.freeze({
      space: Object.freeze({ view: use.view.name, generation: generation.generation }),
      ttlUs: use.view.ttlUs,
      keys: keysOf(use),
      slots: use.outputs,
      wanted: use.outputs.map((slot) => ({ slot, column: must(outputs[slot], 'an output of a use').feature })),
      schemas: new Map(),
    })
  })
  const lists = [...keyLists.values()].map((list) => list.fields)
  return Object.freeze({
    features: Object.freeze(outputs.map((o) => o.name)),
    types: Object.freeze(outputs.map((o) => o.feature.type)),
    views: Object.freeze(uses.map((u) => u.label)),
    reads: Object.freeze(reads),
    keyFields,
    keyLists: lists,
    keyIsFields: lists.length === 1 && lists[0]?.join() === [...keyFields.keys()].join(),
    registryVersion: snapshot.version,
    all: allOf(outputs.length),
  })
}

function allOf(count: number): Readonly<Record<Status, readonly Status[]>> {
  const all = (status: Status): readonly Status[] => Object.freeze(Array.from({ length: count }, () => status))
  return Object.freeze({
    PRESENT: all('PRESENT'),
    NULL_VALUE: all('NULL_VALUE'),
    NOT_FOUND: all('NOT_FOUND'),
    OUTSIDE_MAX_AGE: all('OUTSIDE_MAX_AGE'),
  })
}

/** Keeps a schema that rows of a reading have. @throws CORRUPT_STORE. */
export function keepSchema(read: ViewRead, fingerprint: number, text: string): void {
  read.schemas.set(fingerprint, parseSchemaText(text))
}

/** Finds the reader of the rows of one reading with a schema that is kept. */
export type ReaderOf<T> = (fingerprint: number) => RowReader<T>

/** A plan in one form: a reader of rows for each of its readings. */
export interface PlanForm<T> {
  readonly none: T
  /** Where the values of each reading go: places among the features, or their names. */
  readonly slots: readonly (readonly (string | number)[])[]
  readonly readers: readonly ReaderOf<T>[]
}

/** Compiles a plan in one form. Values go to their features' places, or to their names. */
export function planForm<T>(plan: OnlinePlan, form: ValueForm<T>, to: 'places' | 'names'): PlanForm<T> {
  const slotOf = (place: number): string | number => (to === 'names' ? (plan.features[place] ?? '') : place)
  const readers = plan.reads.map((read): ReaderOf<T> => {
    const known = new Map<number, RowReader<T>>()
    const wanted = read.wanted.map(({ column, slot }) => ({ column, slot: slotOf(slot) }))
    return (fingerprint) => {
      let reader = known.get(fingerprint)
      if (reader === undefined) {
        reader = rowReader(must(read.schemas.get(fingerprint), 'a schema that was met'), wanted, form)
        known.set(fingerprint, reader)
      }
      return reader
    }
  })
  const slots = plan.reads.map((read) => read.slots.map(slotOf))
  return Object.freeze({ none: form.none, slots, readers })
}
