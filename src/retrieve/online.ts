import type { Status } from '../contract/store.ts'
import type { Call } from '../kernel/call.ts'
import type { Clock } from '../kernel/clock.ts'
import type { OnlineStore } from '../ports/online.ts'
import type { Snapshots } from '../ports/snapshots.ts'
import type { FeatureType } from '../values/feature-type.ts'
import { byteList, itemsOf } from '../values/byte-list.ts'
import type { Value } from '../values/value.ts'
import { isTombstone, rowEvent, rowFingerprint } from '../codecs/packed-row.ts'
import { fail } from '../kernel/errors.ts'
import { limits } from '../kernel/limits.ts'
import { type Entity, type EntityForm, type PlaceOf, entityPointer, readFields } from './entity-fields.ts'
import { type OnlinePlan, type ViewRead, decoderOf, onlinePlan } from './online-plan.ts'

/** What online reads need of the store. */
export interface OnlineDeps {
  readonly snapshots: Pick<Snapshots, 'current'>
  readonly online: OnlineStore
  readonly clock: Clock
  /** Entities of one call, at most; `limits.batchRows` unless given. */
  readonly batchRows?: number
}

export interface OnlineReadOptions {
  readonly fullNames?: boolean
  /** Also give values older than their ttl; their status stays OUTSIDE_MAX_AGE. */
  readonly includeExpired?: boolean
  /** How the values of entities are written; `js` unless said. */
  readonly form?: EntityForm
  /** Where a field of an entity stands in the request; `/entities/3/airport` unless said. */
  readonly placeOf?: PlaceOf
  readonly call?: Call
}

/** The answer for one entity, aligned with the result's `features` and `views`. */
export interface OnlineRow {
  readonly values: readonly (Value | null)[]
  readonly statuses: readonly Status[]
  /** In microseconds; null where there is no row; shown also when expired. */
  readonly eventTimes: readonly (bigint | null)[]
}

/** The answer of an online read, by position. */
export interface OnlineResult {
  readonly features: readonly string[]
  readonly types: readonly FeatureType[]
  /** Views, or aliases, in order of first use. */
  readonly views: readonly string[]
  /** The fields of an entity, in order of first use. */
  readonly keyFields: readonly { readonly name: string; readonly type: FeatureType }[]
  /** `rows[i]` answers entity i. Rows of equal entities may be one object. */
  readonly rows: readonly OnlineRow[]
  /** What `statuses` of a row is, the very object, where all its values are present. */
  readonly allPresent: readonly Status[]
  readonly registryVersion: number
}

/**
 * Reads the newest values of features for entities, by the definitions of the serving generations.
 * Every value of one view and entity is of one row version; null keys are NOT_FOUND.
 * @throws MISSING_KEY, UNKNOWN_COLUMN, BAD_VALUE, KEY_TOO_LONG, PAYLOAD_TOO_LARGE with the place; as `compileReferences`; as the store.
 */
export async function readOnline(
  deps: OnlineDeps,
  references: readonly string[],
  entities: readonly Entity[],
  options: OnlineReadOptions = {},
): Promise<OnlineResult> {
  const { form = 'js', placeOf = entityPointer, call } = options
  const snapshot = await deps.snapshots.current(call)
  const plan = onlinePlan(snapshot, references, options.fullNames ?? false)
  const columns = readFields(plan.keyFields, entities, { form, placeOf, most: deps.batchRows ?? limits.batchRows })
  const placeOfRow = (row: number): string => placeOf(row, plan.keyFields[0]?.name ?? '')
  const keys = plan.keys.map((read) => read(columns, entities.length, placeOfRow))
  const rowLists = await deps.online.read(
    plan.reads.map((read) => ({ space: read.space, keys: byteList(keys[read.keys]?.keys ?? []) })),
    call,
  )
  const found = rowLists.map(itemsOf)
  await learnSchemas(deps.online, plan, found, call)
  const age: Age = { nowUs: deps.clock.now(), includeExpired: options.includeExpired ?? false }
  const answers = plan.reads.map((read, r) => ({
    index: keys[read.keys]?.index ?? [],
    rows: (found[r] ?? []).map((row) => answerOf(read, row, age)),
    missing: missingRow(read, null, 'NOT_FOUND'),
  }))
  const rows =
    answers.length === 1 && answers[0] !== undefined
      ? only(answers[0])
      : entities.map((_, i) => joined(plan, answers, i))
  return {
    features: plan.features,
    types: plan.types,
    views: plan.views,
    keyFields: plan.keyFields,
    rows,
    allPresent: plan.allPresent,
    registryVersion: snapshot.version,
  }
}

interface Age {
  readonly nowUs: bigint
  readonly includeExpired: boolean
}

/** What one reading says: for each different key a row whose values are in the order of the reading's outputs. */
interface Answers {
  /** Of entity i: which row; −1 where its key is null. */
  readonly index: readonly number[]
  readonly rows: readonly OnlineRow[]
  readonly missing: OnlineRow
}

const only = ({ index, rows, missing }: Answers): OnlineRow[] => index.map((at) => rows[at] ?? missing)

/** The row of entity i over all readings. */
function joined(plan: OnlinePlan, answers: readonly Answers[], i: number): OnlineRow {
  const values: (Value | null)[] = plan.features.map(() => null)
  let statuses: Status[] | undefined
  const eventTimes: (bigint | null)[] = []
  for (let r = 0; r < answers.length; r++) {
    const { index, rows, missing } = answers[r] ?? { index: [], rows: [], missing: nowhere }
    const row = rows[index[i] ?? -1] ?? missing
    const { slots, all } = plan.reads[r] ?? { slots: [], all: undefined }
    for (let s = 0; s < slots.length; s++) values[slots[s] ?? 0] = row.values[s] ?? null
    if (row.statuses !== all?.PRESENT) {
      statuses ??= [...plan.allPresent]
      for (let s = 0; s < slots.length; s++) statuses[slots[s] ?? 0] = row.statuses[s] ?? 'NOT_FOUND'
    }
    eventTimes.push(row.eventTimes[0] ?? null)
  }
  return { values, statuses: statuses ?? plan.allPresent, eventTimes }
}

const nowhere: OnlineRow = Object.freeze({ values: [], statuses: [], eventTimes: [] })

/** Finds the decoder of every row, asking the store for the schemas that were not met before. */
async function learnSchemas(
  online: OnlineStore,
  plan: OnlinePlan,
  found: readonly (readonly (Uint8Array | null)[])[],
  call: Call | undefined,
): Promise<void> {
  const missing: { readonly read: ViewRead; readonly fingerprint: number }[] = []
  for (let r = 0; r < plan.reads.length; r++) {
    const read = plan.reads[r]
    for (const row of found[r] ?? []) {
      if (read === undefined || row === null || isTombstone(row)) continue
      const fingerprint = rowFingerprint(row)
      if (!read.decoders.has(fingerprint) && !missing.some((m) => m.read === read && m.fingerprint === fingerprint))
        missing.push({ read, fingerprint })
    }
  }
  if (missing.length === 0) return
  const texts = await online.schemas(
    missing.map(({ fingerprint }) => ({ fingerprint })),
    call,
  )
  for (const [i, { read, fingerprint }] of missing.entries()) {
    const text = texts[i]
    if (text === null || text === undefined)
      throw fail(
        'CORRUPT_STORE',
        `The online store holds rows of ${read.space.view} without the schema ${fingerprint.toString(16)} that they were written with`,
      )
    read.decoders.set(fingerprint, decoderOf(read, text))
  }
}

function answerOf(read: ViewRead, row: Uint8Array | null, { nowUs, includeExpired }: Age): OnlineRow {
  if (row === null || isTombstone(row)) return missingRow(read, null, 'NOT_FOUND')
  const event = rowEvent(row)
  const expired = read.ttlUs > 0n && nowUs - event > read.ttlUs
  if (expired && !includeExpired) return missingRow(read, event, 'OUTSIDE_MAX_AGE')
  const values = read.decoders.get(rowFingerprint(row))?.(row) ?? []
  return { values, statuses: expired ? read.all.OUTSIDE_MAX_AGE : statusesOf(read, values), eventTimes: [event] }
}

/** Most rows have no null: they share one list. */
function statusesOf(read: ViewRead, values: readonly (Value | null)[]): readonly Status[] {
  return values.includes(null)
    ? values.map((value): Status => (value === null ? 'NULL_VALUE' : 'PRESENT'))
    : read.all.PRESENT
}

const missingRow = (read: ViewRead, event: bigint | null, status: Status): OnlineRow => ({
  values: read.slots.map(() => null),
  statuses: read.all[status],
  eventTimes: [event],
})
