import type { Readable } from 'node:stream'
import { fail } from '../../kernel/errors.ts'
import type { Batch, ColumnValues, OwnField } from '../../values/batch.ts'
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

/** A piece of the answer, and a view of it. */
interface Piece {
  readonly bytes: Buffer
  readonly view: DataView
}

/** A column of a batch that is being read; its rows come one after the other. */
interface Column {
  /** The next row's value; a length of −1 is null. */
  add(piece: Piece, at: number, length: number): void
  take(): ColumnValues
}

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

/** A column of any values. */
function plainColumn(read: Reader): Column {
  let values: (Value | null)[] = []
  return {
    add: ({ bytes }, at, length) => void values.push(length === -1 ? null : read(bytes, at, length)),
    take() {
      const taken = values
      values = []
      return taken
    },
  }
}

/** Numbers of one batch, and how the next one is read. */
interface Numbers {
  readonly values: Float64Array | BigInt64Array
  readonly set: (row: number, view: DataView, at: number) => void
}

/** A column of numbers of 8 bytes, in an array of them for as long as there is no null: nothing is made for each value, which costs more than to read it. */
function numberColumn(open: () => Numbers): Column {
  let [numbers, rows] = [open(), 0]
  let mixed: (Value | null)[] | undefined
  return {
    add({ view }, at, length) {
      if (length === -1) (mixed ??= Array.from<Value>(numbers.values.subarray(0, rows))).push(null)
      else {
        numbers.set(rows, view, at)
        mixed?.push(numbers.values[rows] ?? null)
      }
      rows += 1
    },
    take() {
      const taken = mixed ?? numbers.values.subarray(0, rows)
      ;[numbers, rows, mixed] = [open(), 0, undefined]
      return taken
    },
  }
}

function float64s(): Numbers {
  const values = new Float64Array(batchRows)
  return { values, set: (row, view, at) => (values[row] = view.getFloat64(at)) }
}

/** Int64s with something added, half by half: in the machine's order, which is the little-endian one wherever this runs. */
function int64s(plus: bigint): () => Numbers {
  const [plusHigh, plusLow] = [Number(plus >> 32n), Number(plus & 0xff_ff_ff_ffn)]
  return () => {
    const values = new BigInt64Array(batchRows)
    const halves = new Uint32Array(values.buffer)
    return {
      values,
      set(row, view, at) {
        const low = view.getUint32(at + 4) + plusLow
        halves[2 * row] = low
        halves[2 * row + 1] = view.getUint32(at) + plusHigh + (low > 0xff_ff_ff_ff ? 1 : 0)
      },
    }
  }
}

function columnOf(type: FeatureType): Column {
  switch (type) {
    case 'float64':
      return numberColumn(float64s)
    case 'int64':
      return numberColumn(int64s(0n))
    case 'timestamp':
      return numberColumn(int64s(epochUs))
    default:
      return plainColumn(readerOf(type))
  }
}

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

/** Reads the rows of a binary COPY as they come, and the stream to its end: then its connection is good for something else. @throws CORRUPT_STORE for what is none. */
export async function* readCopy(stream: Readable, fields: readonly OwnField[]): AsyncGenerator<Batch> {
  const columns = fields.map((field) => columnOf(field.type))
  let rest: Buffer = Buffer.alloc(0)
  let [begun, over] = [false, false]
  let rows = 0
  const take = (): Batch => {
    const batch = { fields, columns: columns.map((column) => column.take()), rows }
    rows = 0
    return batch
  }
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (over) continue
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const piece = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) }
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
      const end = rowEnd(piece.view, at)
      if (end === -1) break
      if (end === 0) {
        over = true
        break
      }
      at += 2
      for (const column of columns) {
        const length = piece.view.getInt32(at)
        at += 4
        column.add(piece, at, length)
        if (length > 0) at += length
      }
      rows += 1
      if (rows === batchRows) yield take()
    }
    rest = bytes.subarray(at)
  }
  if (!over) throw fail('STORE_UNREACHABLE', 'The answer of PostgreSQL ended before its end')
  if (rows > 0) yield take()
}

/** Where the row that begins here ends; −1: not all of it is there; 0: it is the end. */
function rowEnd(view: DataView, start: number): number {
  if (start + 2 > view.byteLength) return -1
  const count = view.getInt16(start)
  if (count === -1) return 0
  let at = start + 2
  for (let c = 0; c < count; c++) {
    if (at + 4 > view.byteLength) return -1
    const length = view.getInt32(at)
    at += 4 + (length > 0 ? length : 0)
  }
  return at > view.byteLength ? -1 : at
}
