import type pg from 'pg'
import { once } from 'node:events'
import { finished } from 'node:stream/promises'
import { from as copyFrom } from 'pg-copy-streams'
import type { ColumnValues } from '../../values/batch.ts'
import { type FeatureType, type ScalarName, partsOf } from '../../values/feature-type.ts'
import type { Value } from '../../values/value.ts'

const header = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)])
const trailer = Buffer.from([0xff, 0xff])
const epochUs = 946_684_800_000_000n

/** Numbers of PostgreSQL's own types, which never change. */
const oids: Readonly<Record<ScalarName, number>> = Object.freeze({
  bool: 16,
  bytes: 17,
  int64: 20,
  int32: 23,
  string: 25,
  float32: 700,
  float64: 701,
  timestamp: 1184,
})

/** How full a part is when it is sent. */
const partBytes = 64 * 1024

/** Where rows go: a table with its columns, as SQL, and their types. */
export interface CopyTarget {
  readonly into: string
  readonly types: readonly FeatureType[]
}

/** Rows as columns side by side, each as long as there are rows. */
export interface CopyRows {
  readonly columns: readonly ColumnValues[]
  readonly rows: number
}

/** A COPY into a table that is under way; all of its rows are there in the end, or none. */
export interface CopyIn {
  /** @throws as the driver, as soon as the server says that it takes no more. */
  write(rows: CopyRows): Promise<void>
  end(): Promise<void>
  /** Ends it where no more can be said of it, with nothing done. */
  stop(): void
}

/** Begins to send rows into a table. */
export function openCopyIn(client: pg.ClientBase, { into, types }: CopyTarget): CopyIn {
  const stream = client.query(copyFrom(`copy ${into} from stdin (format binary)`))
  const done = finished(stream)
  done.catch(() => undefined)
  // Once the server has failed, the stream takes nothing any more, and says of whatever is written that it is a fault of its own.
  let failed: Error | undefined
  stream.on('error', (thrown) => (failed ??= thrown))
  const writer = new CopyWriter(types)
  return {
    async write(rows) {
      for (const part of writer.parts(rows)) {
        if (failed !== undefined) throw failed
        if (!stream.write(part)) await Promise.race([once(stream, 'drain'), done])
      }
    },
    async end() {
      if (failed !== undefined) throw failed
      stream.end(writer.end())
      await done
    },
    stop() {
      if (failed === undefined) stream.destroy()
    },
  }
}

/** Sends rows into a table by one COPY. @throws as the driver. */
export async function copyIn(
  client: pg.ClientBase,
  target: CopyTarget,
  batches: AsyncIterable<CopyRows>,
): Promise<void> {
  const copy = openCopyIn(client, target)
  try {
    for await (const rows of batches) await copy.write(rows)
    await copy.end()
  } catch (thrown) {
    copy.stop()
    throw thrown
  }
}

/** Writes the value of a row, with its length before it. */
type Put = (row: number) => void

/** Writes rows for a binary COPY in parts of some size. */
class CopyWriter {
  #bytes = Buffer.allocUnsafe(2 * partBytes)
  #view = viewOf(this.#bytes)
  #at = 0
  readonly #types: readonly FeatureType[]

  constructor(types: readonly FeatureType[]) {
    this.#types = types
    this.#raw(header)
  }

  /** Writes rows; answers each part as soon as it is to be sent. */
  *parts({ columns, rows }: CopyRows): Generator<Buffer> {
    const puts = this.#types.map((type, c) => this.#putOf(type, columns[c] ?? []))
    for (let row = 0; row < rows; row++) {
      this.#need(2)
      this.#view.setInt16(this.#at, puts.length)
      this.#at += 2
      for (const put of puts) put(row)
      if (this.#at >= partBytes) yield this.#take()
    }
  }

  /** The last part. */
  end(): Buffer {
    this.#raw(trailer)
    return this.#take()
  }

  #take(): Buffer {
    const part = Buffer.from(this.#bytes.subarray(0, this.#at))
    this.#at = 0
    return part
  }

  #need(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return
    const more = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + bytes))
    this.#bytes.copy(more, 0, 0, this.#at)
    this.#bytes = more
    this.#view = viewOf(more)
  }

  #raw(bytes: Uint8Array): void {
    this.#need(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  #int32(value: number): void {
    this.#need(4)
    this.#view.setInt32(this.#at, value)
    this.#at += 4
  }

  /** How the values of a column are written: from an array of numbers without making a value of each, which costs more than to write it. */
  #putOf(type: FeatureType, values: ColumnValues): Put {
    if (type === 'int64' && values instanceof BigInt64Array) return this.#putHalves(values, 0n)
    if (type === 'timestamp' && values instanceof BigInt64Array) return this.#putHalves(values, epochUs)
    const parts = partsOf(type)
    const put =
      parts.kind === 'scalar' ? scalarPuts[parts.name] : listPut(parts.kind === 'list' ? parts.item : 'float32')
    return (row) => {
      const value = values[row] ?? null
      if (value === null) this.#int32(-1)
      else put(this.#room, value)
    }
  }

  #putHalves(values: BigInt64Array, minus: bigint): Put {
    const halves = new Uint32Array(values.buffer, values.byteOffset, values.length * 2)
    const [minusHigh, minusLow] = [Number(minus >> 32n), Number(minus & 0xff_ff_ff_ffn)]
    return (row) => {
      this.#need(12)
      const low = (halves[2 * row] ?? 0) - minusLow
      this.#view.setInt32(this.#at, 8)
      this.#view.setInt32(this.#at + 4, (halves[2 * row + 1] ?? 0) - minusHigh - (low < 0 ? 1 : 0))
      this.#view.setInt32(this.#at + 8, low)
      this.#at += 12
    }
  }

  /** Where values of other kinds are written. */
  readonly #room: Room = {
    fixed: (bytes, write) => {
      this.#need(4 + bytes)
      this.#view.setInt32(this.#at, bytes)
      write(this.#view, this.#at + 4)
      this.#at += 4 + bytes
    },
    text: (text) => {
      this.#need(4 + text.length * 3)
      const written = this.#bytes.write(text, this.#at + 4, 'utf8')
      this.#view.setInt32(this.#at, written)
      this.#at += 4 + written
    },
    bytes: (bytes) => {
      this.#int32(bytes.length)
      this.#raw(bytes)
    },
    int32: (value) => this.#int32(value),
    measured: (write) => {
      const lengthAt = this.#at
      this.#int32(0)
      const start = this.#at
      write()
      this.#view.setInt32(lengthAt, this.#at - start)
    },
  }
}

interface Room {
  fixed(bytes: number, write: (view: DataView, at: number) => void): void
  text(text: string): void
  bytes(bytes: Uint8Array): void
  /** Without a length before it. */
  int32(value: number): void
  /** Writes something whose length, which stands before it, is known only afterwards. */
  measured(write: () => void): void
}

const viewOf = (bytes: Buffer): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

type ScalarPut = (room: Room, value: Value) => void

const scalarPuts: Readonly<Record<ScalarName, ScalarPut>> = Object.freeze({
  bool: (room, value) => room.fixed(1, (view, at) => view.setUint8(at, value === true ? 1 : 0)),
  int32: (room, value) => room.fixed(4, (view, at) => view.setInt32(at, Number(value))),
  float32: (room, value) => room.fixed(4, (view, at) => view.setFloat32(at, Number(value))),
  float64: (room, value) => room.fixed(8, (view, at) => view.setFloat64(at, Number(value))),
  int64: (room, value) => room.fixed(8, (view, at) => view.setBigInt64(at, value as bigint)),
  timestamp: (room, value) => room.fixed(8, (view, at) => view.setBigInt64(at, (value as bigint) - epochUs)),
  string: (room, value) => room.text(value as string),
  bytes: (room, value) => room.bytes(value as Uint8Array),
})

/** Arrays: dimensions, whether there are nulls, the type; of one dimension its size and lower bound; then the elements as fields. */
const listPut =
  (item: ScalarName): ScalarPut =>
  (room, value) =>
    room.measured(() => {
      const items = value as readonly (Value | null)[]
      room.int32(items.length === 0 ? 0 : 1)
      room.int32(items.includes(null) ? 1 : 0)
      room.int32(oids[item])
      if (items.length === 0) return
      room.int32(items.length)
      room.int32(1)
      for (const each of items)
        if (each === null) room.int32(-1)
        else scalarPuts[item](room, each)
    })
