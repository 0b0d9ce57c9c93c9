import type { Call } from '../kernel/call.ts'
import type { Clock } from '../kernel/clock.ts'
import type { LookUp, OnlineStore } from '../ports/online.ts'
import type { Snapshots } from '../ports/snapshots.ts'
import type { Cursor } from '../codecs/packed-column.ts'
import { type ByteList, countOf, endOf, startOf } from '../values/byte-list.ts'
import {
  type EventBound,
  checkRow,
  cursorOver,
  eventBound,
  eventOfRow,
  fingerprintOfRow,
  isBefore,
  isTombstoneAt,
} from '../codecs/row-reader.ts'
import { fail } from '../kernel/errors.ts'
import { limits } from '../kernel/limits.ts'
import { type Entity, type EntityForm, type PlaceOf, entityPointer, readKeys } from './entity-fields.ts'
import { type OnlinePlan, type ViewRead, keepSchema, onlinePlan } from './online-plan.ts'

/** What online reads need of the store. */
export interface OnlineDeps {
  readonly snapshots: Pick<Snapshots, 'lastSeen'>
  readonly online: OnlineStore
  readonly clock: Clock
  /** Entities of one call, at most; `limits.batchRows` unless given. */
  readonly batchRows?: number
}

export interface OnlineReadOptions {
  readonly fullNames?: boolean | undefined
  /** Also give values older than their ttl; their status stays OUTSIDE_MAX_AGE. */
  readonly includeExpired?: boolean | undefined
  /** How the values of entities are written; `js` unless said. */
  readonly form?: EntityForm | undefined
  /** Where a field of an entity stands in the request; `/entities/3/airport` unless said. */
  readonly placeOf?: PlaceOf | undefined
  readonly call?: Call | undefined
}

/** What was found: packed rows, still to be read in the form that is wanted. */
export interface Found {
  readonly plan: OnlinePlan
  readonly registryVersion: number
  /** How many entities were asked for. */
  readonly entities: number
  /** For each reading of the plan. */
  readonly reads: readonly FoundRows[]
  readonly includeExpired: boolean
  readonly nowUs: bigint
}

/** The rows of one reading: row i answers entity i. */
export interface FoundRows {
  readonly rows: ByteList
  readonly cursor: Cursor
  /** Rows of before are older than the view's ttl; null where that has no end. */
  readonly expiry: EventBound | null
}

/**
 * Finds the newest rows of entities, by the definitions of the serving generations; at once where all is at hand.
 * Every value of one view and entity is of one row version; a null key finds nothing.
 * @throws MISSING_KEY, UNKNOWN_COLUMN, BAD_VALUE, KEY_TOO_LONG, PAYLOAD_TOO_LARGE with the place; as `compileReferences`; as the store.
 */
export function findOnline(
  deps: OnlineDeps,
  references: readonly string[],
  entities: readonly Entity[],
  options: OnlineReadOptions = {},
): Found | Promise<Found> {
  const snapshot = deps.snapshots.lastSeen(options.call)
  return snapshot instanceof Promise
    ? snapshot.then((held) => findIn(deps, onlinePlan(held, references, options.fullNames ?? false), entities, options))
    : findIn(deps, onlinePlan(snapshot, references, options.fullNames ?? false), entities, options)
}

function findIn(
  deps: OnlineDeps,
  plan: OnlinePlan,
  entities: readonly Entity[],
  options: OnlineReadOptions,
): Found | Promise<Found> {
  const { form = 'js', placeOf = entityPointer, call } = options
  const keys = readKeys(plan, entities, { form, placeOf, most: deps.batchRows ?? limits.batchRows })
  const lookUps = plan.reads.map((read): LookUp => ({ space: read.space, keys: keys[read.keys] ?? none }))
  const rows = deps.online.read(lookUps, call)
  return rows instanceof Promise
    ? rows.then((lists) => withSchemas(deps, foundIn(deps, plan, lists, options), call))
    : withSchemas(deps, foundIn(deps, plan, rows, options), call)
}

function foundIn(
  { clock }: OnlineDeps,
  plan: OnlinePlan,
  lists: readonly ByteList[],
  { includeExpired = false }: OnlineReadOptions,
): Found {
  const nowUs = clock.now()
  const reads = plan.reads.map(({ ttlUs }, r): FoundRows => {
    const rows = lists[r] ?? none
    return { rows, cursor: cursorOver(rows.bytes), expiry: ttlUs > 0n ? eventBound(nowUs - ttlUs) : null }
  })
  const [first] = lists
  const entities = first === undefined ? 0 : countOf(first)
  return { plan, registryVersion: plan.registryVersion, entities, reads, includeExpired, nowUs }
}

const none: ByteList = Object.freeze({ bytes: Buffer.alloc(0), bounds: [] })

/** What stands at a place of a reading's rows. */
export type RowState = 'none' | 'expired' | 'there'

/** Whether there is a row that begins at `start`, which −1 says there is not, and what it is. */
export function stateAt({ cursor, expiry }: FoundRows, start: number): RowState {
  if (start < 0 || isTombstoneAt(cursor, start)) return 'none'
  return expiry !== null && isBefore(cursor, start, expiry) ? 'expired' : 'there'
}

/** The event time of the row that answers entity i; null where there is none. Shown also when expired. */
export function eventTimeOf(found: FoundRows, i: number): bigint | null {
  const start = startOf(found.rows, i)
  return stateAt(found, start) === 'none' ? null : eventOfRow(found.cursor, start)
}

interface Unmet {
  readonly read: ViewRead
  readonly fingerprint: number
}

/** Makes sure that the schema of every row is known, asking the store for those that were not met before. */
function withSchemas({ online }: OnlineDeps, found: Found, call: Call | undefined): Found | Promise<Found> {
  let unmet: Unmet[] | undefined
  for (let r = 0; r < found.reads.length; r++) {
    const [read, of] = [found.plan.reads[r], found.reads[r]]
    if (read === undefined || of === undefined) break
    const { rows, cursor } = of
    let met: number | undefined
    for (let i = 0; i < countOf(rows); i++) {
      const start = startOf(rows, i)
      if (start < 0) continue
      checkRow(cursor, start, endOf(rows, i))
      if (isTombstoneAt(cursor, start)) continue
      const fingerprint = fingerprintOfRow(cursor, start)
      if (fingerprint === met) continue
      met = fingerprint
      if (read.schemas.has(fingerprint)) continue
      unmet ??= []
      if (!unmet.some((u) => u.read === read && u.fingerprint === fingerprint)) unmet.push({ read, fingerprint })
    }
  }
  return unmet === undefined ? found : learned(online, found, unmet, call)
}

async function learned(
  online: OnlineStore,
  found: Found,
  unmet: readonly Unmet[],
  call: Call | undefined,
): Promise<Found> {
  const texts = await online.schemas(
    unmet.map(({ fingerprint }) => ({ fingerprint })),
    call,
  )
  for (const [i, { read, fingerprint }] of unmet.entries()) {
    const text = texts[i]
    if (text === null || text === undefined)
      throw fail(
        'CORRUPT_STORE',
        `The online store holds rows of ${read.space.view} without the schema ${fingerprint.toString(16)} that they were written with`,
      )
    keepSchema(read, fingerprint, text)
  }
  return found
}
