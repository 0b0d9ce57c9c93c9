import { tombstoneRow } from '../codecs/packed-row.ts'
import { registerSchema } from '../codecs/schema-registration.ts'
import { type RowEncoder, encoderOf, schemaOf } from '../decide/log-rows.ts'
import type { StoredGeneration } from '../decide/snapshot.ts'
import { must } from '../kernel/assert.ts'
import type { Call } from '../kernel/call.ts'
import { limits } from '../kernel/limits.ts'
import type { KeyedRow, OnlineStore, Space, WriteOutcome } from '../ports/online.ts'
import { own } from '../query/relation.ts'
import type { Batch, ColumnValues } from '../values/batch.ts'
import { encodeEntityKey, entityKeyBytes } from '../values/entity-key.ts'
import { type OrderTuple, tombstoneTie } from '../values/order.ts'

/** The online space of a view's generation. */
export const spaceOf = (view: string, generation: { readonly generation: bigint }): Space => ({
  view,
  generation: generation.generation,
})

/** Prepares to write rows of a generation: its schema is in the online store before the first row can be. */
export async function openEncoder(online: OnlineStore, generation: StoredGeneration, call?: Call): Promise<RowEncoder> {
  const fingerprint = await registerSchema(schemaOf(generation.resolved), (entries) => online.schemas(entries, call))
  return encoderOf(generation.resolved, fingerprint)
}

/** Writes packed rows of a generation; `result[i]` answers `rows[i]`. */
export async function writeSpace(
  online: OnlineStore,
  generation: StoredGeneration,
  rows: readonly KeyedRow[],
  call?: Call,
): Promise<WriteOutcome[]> {
  const outcomes = await online.write(spaceOf(generation.resolved.name, generation), rows, call)
  // Once more: a store that was emptied since the rows were packed has lost their schema.
  await openEncoder(online, generation, call)
  return outcomes
}

/** The packed rows of a batch of a run's plan; rows read in place carry the attempt as their reading. Rows whose keys are too long are counted and left out. */
export function encodeBatch(
  encode: RowEncoder,
  batch: Batch,
  generation: StoredGeneration,
  attempt: bigint,
): { rows: KeyedRow[]; tooLong: number } {
  const column = (name: string): ColumnValues =>
    must(batch.columns[batch.fields.findIndex((f) => f.name === name)], `the run's rows have ${name}`)
  const { joinKeys, features } = generation.resolved
  const types = joinKeys.map((k) => k.type)
  const keyColumns = joinKeys.map((k) => column(k.name))
  const featureColumns = features.map((f) => column(f.name))
  const [event, created, reading, tie, tombstone] = [own.event, own.created, own.reading, own.tie, own.tombstone].map(
    column,
  ) as [ColumnValues, ColumnValues, ColumnValues, ColumnValues, ColumnValues]
  const rows: KeyedRow[] = []
  let tooLong = 0
  for (let i = 0; i < batch.rows; i++) {
    const keys = keyColumns.map((k) => must(k[i], 'a row of a view has its keys'))
    const key = entityKeyBytes(types, keys) > limits.keyBytes ? null : encodeEntityKey(types, keys)
    if (key === null) {
      tooLong++
      continue
    }
    const dead = tombstone[i] === true
    const order: OrderTuple = {
      event: event[i] as bigint,
      created: created[i] as bigint | null,
      reading: reading[i] === 1n ? attempt : 0n,
      tie: dead ? tombstoneTie : (tie[i] as bigint),
    }
    const header = { revision: generation.revision, order }
    rows.push({
      key,
      row: dead
        ? tombstoneRow(header)
        : encode(
            header,
            featureColumns.map((f) => f[i] ?? null),
          ),
    })
  }
  return { rows, tooLong }
}
