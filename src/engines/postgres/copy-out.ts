import type { Readable } from 'node:stream'
import { fail } from '../../kernel/errors.ts'
import type { Batch, Field } from '../../values/batch.ts'
import { type FeatureType, type ScalarName, partsOf } from '../../values/feature-type.ts'
import type { Value } from '../../values/value.ts'

// PostgreSQL's binary COPY: a signature, flags and an extension, then for each row a count of fields and each field's
// length and bytes, big-endian; a length of −1 is null, a count of −1 the end.

const signature = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')
/** Rows of one batch. */
const batchRows = 2_048
/** 2000-01-01, where PostgreSQL's instants begin, in microseconds since 1970. */
const epochUs = 946_684_800_000_000n

type Reader = (bytes: Buffer, at: number, length: number) => Value

const scalars: Readonly<Record<ScalarName, Reader>> = Object.freeze({
  bool: (bytes, at) => bytes[at] === 1,
  int32: (bytes, at) => bytes.readInt32BE(at),
  int64: (bytes, at) => bytes.readBigInt64BE(at),
  float32: (bytes, at) => bytes.readFloatBE(at),
  float64: (bytes, at) => bytes.readDoubleBE(at),
  string: (bytes, at, length) => bytes.toString('utf8', at, at + length),
  bytes: (bytes, at, length) => new Uint8Array(bytes.subarray(at, at + length)),
  timestamp: (bytes, at) => bytes.readBigInt64BE(at) + epochUs,
})

function readerOf(type: FeatureType): Reader {
  const parts = partsOf(type)
  if (parts.kind === 'scalar') return scalars[parts.name]
  return listReader(scalars[parts.kind === 'list' ? parts.item : 'float32'])
}

/** Arrays: dimensions, whether there are nulls, the type; of one dimension its size and lower bound; then the elements as fields. */
function listReader(read: Reader): Reader {
  return (bytes, start) => {
    const dimensions = bytes.readInt32BE(start)
    if (dimensions === 0) return []
    if (dimensions !== 1) throw fail('BAD_VALUE', `An array has ${dimensions} dimensions; lists have one`)
    const size = bytes.readInt32BE(start + 12)
    const items: (Value | null)[] = []
    let at = start + 20
    for (let i = 0; i < size; i++) {
      const length = bytes.readInt32BE(at)
      at += 4
      items.push(length === -1 ? null : read(bytes, at, length))
      if (length > 0) at += length
    }
    return items
  }
}

/** The fields of a result, whose types are ours. */
export type OwnField = Field & { readonly type: FeatureType }

/** Reads the rows of a binary COPY as they come. @throws CORRUPT_STORE for what is none. */
export async function* readCopy(stream: Readable, fields: readonly OwnField[]): AsyncGenerator<Batch> {
  const readers = fields.map((field) => readerOf(field.type))
  let rest: Buffer = Buffer.alloc(0)
  let begun = false
  let columns: (Value | null)[][] = fields.map(() => [])
  let rows = 0
  const take = (): Batch => {
    const batch = { fields, columns, rows }
    columns = fields.map(() => [])
    rows = 0
    return batch
  }
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    if (!begun) {
      if (bytes.length < 19) {
        rest = bytes
        continue
      }
      if (!bytes.subarray(0, 11).equals(signature)) throw fail('CORRUPT_STORE', 'PostgreSQL answered no binary COPY')
      at = 19 + bytes.readInt32BE(15)
      begun = true
    }
    for (;;) {
      const end = rowEnd(bytes, at)
      if (end === -1) break
      if (end === 0) {
        if (rows > 0) yield take()
        return
      }
      at += 2
      for (let c = 0; c < readers.length; c++) {
        const length = bytes.readInt32BE(at)
        at += 4
        columns[c]?.push(length === -1 ? null : (readers[c]?.(bytes, at, length) ?? null))
        if (length > 0) at += length
      }
      rows += 1
      if (rows === batchRows) yield take()
    }
    rest = bytes.subarray(at)
  }
  throw fail('STORE_UNREACHABLE', 'The answer of PostgreSQL ended before its end')
}

/** Where the row that begins here ends; −1: not all of it is there; 0: it is the end. */
function rowEnd(bytes: Buffer, start: number): number {
  if (start + 2 > bytes.length) return -1
  const count = bytes.readInt16BE(start)
  if (count === -1) return 0
  let at = start + 2
  for (let c = 0; c < count; c++) {
    if (at + 4 > bytes.length) return -1
    const length = bytes.readInt32BE(at)
    at += 4 + (length > 0 ? length : 0)
  }
  return at > bytes.length ? -1 : at
}
