import { type BatchEncoder, batchEncoder } from '../codecs/packed-batch.ts'
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
import { ByteListWriter, itemsOf } from '../values/byte-list.ts'
import { type KeyType, entityKeyBytes, writeKeyPart } from '../values/entity-key.ts'
import { type OrderTuple, tombstoneTie } from '../values/order.ts'

/** The online space of a view's generation. */
export const spaceOf = (view: string, generation: { readonly generation: bigint }): Space => ({
  view,
  generation: generation.generation,
})

/** Prepares to write rows of a generation: its schema is in the online store before the first row can be. */
export async function openEncoder(online: OnlineStore, generation: StoredGeneration, call?: Call): Promise<RowEncoder> {
  return encoderOf(generation.resolved, await registered(online, generation, call))
}

/** The same for whole batches. */
export async function openBatchEncoder(
  online: OnlineStore,
  { resolved, ...generation }: StoredGeneration,
  call?: Call,
): Promise<BatchEncoder> {
  return batchEncoder(resolved.features, await registered(online, { resolved, ...generation }, call))
}

const registered = (online: OnlineStore, { resolved }: StoredGeneration, call?: Call): Promise<number> =>
  registerSchema(schemaOf(resolved), (entries) => online.schemas(entries, call))

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
  encode: BatchEncoder,
  batch: Batch,
  generation: StoredGeneration,
  attempt: bigint,
): { rows: KeyedRow[]; tooLong: number } {
  const column = (name: string): ColumnValues =>
    must(batch.columns[batch.fields.findIndex((f) => f.name === name)], `the run's rows have ${name}`)
  const { joinKeys, features } = generation.resolved
  const { revision } = generation
  const [event, created, tie, dead] = [column(own.event), column(own.created), column(own.tie), column(own.tombstone)]
  const inPlace = column(own.reading)
  const reading = Array.from({ length: batch.rows }, (_, i) => (inPlace[i] === 1n ? attempt : 0n))
  const packed = encode(
    batch.rows,
    { revision, event, created, reading, tie },
    features.map((f) => column(f.name)),
  )
  const keys = entityKeys(
    joinKeys.map((k) => k.type),
    joinKeys.map((k) => column(k.name)),
    batch.rows,
  )
  const rows: KeyedRow[] = []
  for (const [i, key] of keys.entries()) {
    if (key === null) continue
    const order = (): OrderTuple => ({
      event: event[i] as bigint,
      created: created[i] as bigint | null,
      reading: reading[i] ?? 0n,
      tie: tombstoneTie,
    })
    const row = dead[i] === true ? tombstoneRow({ revision, order: order() }) : must(packed[i], 'each row is packed')
    rows.push({ key, row })
  }
  return { rows, tooLong: batch.rows - rows.length }
}

/** The encoded keys of rows, in one piece of memory; null where they are longer than is allowed. */
function entityKeys(types: readonly KeyType[], columns: readonly ColumnValues[], rows: number): (Buffer | null)[] {
  const writer = new ByteListWriter(rows * bytesOfKey)
  const mayBeLong = types.some((type) => type === 'string' || type === 'bytes')
  for (let i = 0; i < rows; i++) {
    const keys = columns.map((column) => must(column[i] ?? undefined, 'a row of a view has its keys'))
    if (mayBeLong && entityKeyBytes(types, keys) > limits.keyBytes) {
      writer.miss()
      continue
    }
    const start = writer.at
    for (const [j, type] of types.entries()) writeKeyPart(type, must(keys[j], 'a key'), writer)
    writer.end(start)
  }
  return itemsOf(writer.take())
}

/** Room for one key; more is taken where it is needed. */
const bytesOfKey = 24
