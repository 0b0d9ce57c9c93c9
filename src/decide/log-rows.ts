import { type StoredColumn, replaces, rowEncoder, schemaText, tombstoneRow } from '../codecs/packed-row.ts'
import type { ResolvedView } from '../define/resolved-view.ts'
import { limits } from '../kernel/limits.ts'
import { encodeEntityKey, entityKeyBytes } from '../values/entity-key.ts'
import { type OrderTuple, tombstoneTie } from '../values/order.ts'
import type { Value } from '../values/value.ts'
import { type PushedColumn, viewRowReader } from './source-row.ts'
import type { StoredGeneration } from './snapshot.ts'

/** What of a record of the push log online rows are made from. */
export interface PushedRecord {
  readonly target: { readonly kind: 'view' | 'source'; readonly name: string }
  readonly columns: readonly PushedColumn[]
  readonly rows: readonly {
    readonly event: bigint
    readonly created: bigint
    readonly tie: bigint
    readonly values: readonly (Value | null)[]
  }[]
}

/** An entity's key and packed row. */
export interface PackedEntity {
  readonly key: Uint8Array
  readonly row: Uint8Array
}

/** What `rowEncoder` compiles. */
export type RowEncoder = (
  header: { revision: bigint; order: OrderTuple },
  values: readonly (Value | null)[],
) => Uint8Array

/** Whether rows pushed to a target are rows of a view: its own, or those of its source. Rows of a source that a `sql` source reads are not. */
export function concerns(target: PushedRecord['target'], view: ResolvedView): boolean {
  return target.name === (target.kind === 'view' ? view.name : view.source.name)
}

/** The targets whose rows are rows of a view. */
export const targetsOf = (view: ResolvedView): PushedRecord['target'][] => [
  { kind: 'source', name: view.source.name },
  { kind: 'view', name: view.name },
]

/** The columns of a view's packed rows, in order. */
const storedColumns = (view: ResolvedView): readonly StoredColumn[] => view.features

const schemaTexts = new WeakMap<ResolvedView, string>()

/** The schema text of a view's packed rows; the online store must know it before the first of them. */
export function schemaOf(view: ResolvedView): string {
  const known = schemaTexts.get(view) ?? schemaText(storedColumns(view))
  schemaTexts.set(view, known)
  return known
}

const encoders = new WeakMap<ResolvedView, Map<number, RowEncoder>>()

/** The encoder of a view's packed rows under the fingerprint that its schema is registered by. */
export function encoderOf(view: ResolvedView, fingerprint: number): RowEncoder {
  const known = encoders.get(view) ?? new Map<number, RowEncoder>()
  encoders.set(view, known)
  const encode = known.get(fingerprint) ?? rowEncoder(storedColumns(view), fingerprint)
  known.set(fingerprint, encode)
  return encode
}

/**
 * Packs the rows of a record of the push log for a generation whose view they concern, by that generation's own definition: `result[i]`
 * answers `record.rows[i]`. Null: no row of the view (a null key, or one longer than `limits.keyBytes`, which nobody can ask for).
 */
export function rowsFor(
  record: PushedRecord,
  generation: StoredGeneration,
  encode: RowEncoder,
): (PackedEntity | null)[] {
  const { resolved: view, revision } = generation
  const read = viewRowReader(view, record.target.kind, record.columns)
  const keyTypes = view.joinKeys.map((key) => key.type)
  return record.rows.map((row) => {
    const taken = read(row.values)
    if (taken === null || entityKeyBytes(keyTypes, taken.keys) > limits.keyBytes) return null
    const key = encodeEntityKey(keyTypes, taken.keys)
    if (key === null) return null
    const order = { event: row.event, created: row.created, reading: 0n, tie: row.tie }
    return {
      key,
      row: row.tie === tombstoneTie ? tombstoneRow({ revision, order }) : encode({ revision, order }, taken.features),
    }
  })
}

/** Rows reduced to the latest of each entity, and which of them stands for each row given. */
export interface LatestRows {
  readonly latest: readonly PackedEntity[]
  /** For each row given: the index of its entity's latest; −1 for null. */
  readonly standIn: readonly number[]
}

/** Reduces rows of one generation to the latest of each entity; of rows equal in the Order the last. */
export function latestOf(rows: readonly (PackedEntity | null)[]): LatestRows {
  const places = new Map<string, number>()
  const latest: PackedEntity[] = []
  const standIn = rows.map((entity) => {
    if (entity === null) return -1
    const key = Buffer.from(entity.key.buffer, entity.key.byteOffset, entity.key.byteLength).toString('latin1')
    const place = places.get(key) ?? latest.length
    places.set(key, place)
    const best = latest[place]
    if (best === undefined || replaces(entity.row, best.row)) latest[place] = entity
    return place
  })
  return { latest, standIn }
}
