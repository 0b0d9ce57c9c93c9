import type { Status } from '../contract/store.ts'
import type { Snapshot, ViewSnapshot } from '../decide/snapshot.ts'
import type { ErrorFacts } from '../kernel/errors.ts'
import type { Space } from '../ports/online.ts'
import type { FeatureType } from '../values/feature-type.ts'
import type { Value } from '../values/value.ts'
import { type StoredColumn, parseSchemaText, rowDecoder } from '../codecs/packed-row.ts'
import { must } from '../kernel/assert.ts'
import { fail } from '../kernel/errors.ts'
import { type Catalog, type KeyField, type Use, compileReferences, unknownView } from './catalog.ts'
import { type KeyReader, keyReader } from './entity-fields.ts'

/** References compiled for online reads by one snapshot: nothing of it is worked out again per request. */
export interface OnlinePlan {
  readonly features: readonly string[]
  readonly types: readonly FeatureType[]
  /** Labels of the uses. */
  readonly views: readonly string[]
  readonly reads: readonly ViewRead[]
  readonly keyFields: readonly KeyField[]
  /** Each different list of key fields, encoded once per entity however many views it serves. */
  readonly keys: readonly KeyReader[]
  /** The statuses of a row whose values are all present. */
  readonly allPresent: readonly Status[]
}

/** One reading of one view. */
export interface ViewRead {
  readonly space: Space
  readonly ttlUs: bigint
  /** Which of the plan's `keys` finds its rows. */
  readonly keys: number
  /** Where its values stand among the outputs, in the order of `wanted`. */
  readonly slots: readonly number[]
  readonly wanted: readonly StoredColumn[]
  /** One status for each value. */
  readonly all: Readonly<Record<Status, readonly Status[]>>
  /** Decoders of rows by their schema's fingerprint; filled as fingerprints are met. */
  readonly decoders: Map<number, (row: Uint8Array) => (Value | null)[]>
}

/** Plans per snapshot; a request seldom brings a list of references that none brought before. */
const plansPerSnapshot = 1000
const plans = new WeakMap<Snapshot, Map<string, OnlinePlan>>()

/** The plan for references, from the cache of the snapshot where it is there. @throws as `compileReferences`. */
export function onlinePlan(snapshot: Snapshot, references: readonly string[], fullNames: boolean): OnlinePlan {
  const [only] = references
  const key =
    references.length === 1 && only !== undefined
      ? fullNames
        ? `+${only}`
        : `-${only}`
      : JSON.stringify([fullNames, references])
  let cached = plans.get(snapshot)
  const known = cached?.get(key)
  if (known !== undefined) return known
  const plan = planOf(snapshot, references, fullNames)
  if (cached === undefined || cached.size >= plansPerSnapshot)
    plans.set(snapshot, (cached = new Map<string, OnlinePlan>()))
  cached.set(key, plan)
  return plan
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
  const keys = new Map<string, { readonly index: number; readonly reader: KeyReader }>()
  const keysOf = (use: Use): number => {
    const name = JSON.stringify(use.fields)
    const known = keys.get(name) ?? { index: keys.size, reader: keyReader(use, keyFields) }
    keys.set(name, known)
    return known.index
  }
  const reads = uses.map((use): ViewRead => {
    const { generation } = servingView(snapshot, use.view.name, {})
    return Object.freeze({
      space: Object.freeze({ view: use.view.name, generation: generation.generation }),
      ttlUs: use.view.ttlUs,
      keys: keysOf(use),
      slots: use.outputs,
      wanted: use.outputs.map((i) => must(outputs[i], 'an output of a use').feature),
      all: allOf(use.outputs.length),
      decoders: new Map(),
    })
  })
  return Object.freeze({
    features: Object.freeze(outputs.map((o) => o.name)),
    types: Object.freeze(outputs.map((o) => o.feature.type)),
    views: Object.freeze(uses.map((u) => u.label)),
    reads: Object.freeze(reads),
    keyFields,
    keys: [...keys.values()].map((k) => k.reader),
    allPresent: reads.length === 1 && reads[0] !== undefined ? reads[0].all.PRESENT : allOf(outputs.length).PRESENT,
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

/** Compiles the decoder of rows with a schema, for one reading. */
export function decoderOf(read: ViewRead, text: string): (row: Uint8Array) => (Value | null)[] {
  return rowDecoder(parseSchemaText(text), read.wanted)
}
