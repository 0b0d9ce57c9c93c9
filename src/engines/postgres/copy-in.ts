import type pg from 'pg'
import { once } from 'node:events'
import { finished } from 'node:stream/promises'
import { from as copyFrom } from 'pg-copy-streams'
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

/** Sends rows into a table by one COPY; all or none are there. @throws as the driver, as soon as the server says that it takes no more. */
export async function copyIn(
  client: pg.ClientBase,
  { into, types }: CopyTarget,
  batches: AsyncIterable<Iterable<readonly (Value | null)[]>>,
): Promise<void> {
  const stream = client.query(copyFrom(`copy ${into} from stdin (format binary)`))
  const done = finished(stream)
  done.catch(() => undefined)
  // Once the server has failed, the stream takes nothing any more, and says of whatever is written that it is a fault of its own.
  let failed: Error | undefined
  stream.on('error', (thrown) => (failed ??= thrown))
  const writer = new CopyWriter(types)
  try {
    for await (const rows of batches)
      for (const row of rows) {
        const part = writer.row(row)
        if (part === undefined) continue
        if (failed !== undefined) throw failed
        if (!stream.write(part)) await Promise.race([once(stream, 'drain'), done])
      }
    if (failed !== undefined) throw failed
    stream.end(writer.end())
    await done
  } catch (thrown) {
    if (failed === undefined) stream.destroy()
    throw thrown
  }
}

/** Writes rows for a binary COPY in parts of some size. */
class CopyWriter {
  #bytes = Buffer.allocUnsafe(2 * partBytes)
  #at = 0
  readonly #types: readonly FeatureType[]

  constructor(types: readonly FeatureType[]) {
    this.#types = types
    this.#put(header)
  }

  /** Writes a row; answers a part that is to be sent, or undefined. */
  row(values: readonly (Value | null)[]): Buffer | undefined {
    this.#need(2)
    this.#at = this.#bytes.writeInt16BE(this.#types.length, this.#at)
    for (let c = 0; c < this.#types.length; c++) this.#field(this.#types[c] ?? 'string', values[c] ?? null)
    return this.#at >= partBytes ? this.#take() : undefined
  }

  /** The last part. */
  end(): Buffer {
    this.#put(trailer)
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
  }

  #put(bytes: Uint8Array): void {
    this.#need(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  #int32(value: number): void {
    this.#need(4)
    this.#at = this.#bytes.writeInt32BE(value, this.#at)
  }

  #field(type: FeatureType, value: Value | null): void {
    if (value === null) return this.#int32(-1)
    const parts = partsOf(type)
    if (parts.kind === 'scalar') return this.#scalar(parts.name, value)
    const item = parts.kind === 'list' ? parts.item : 'float32'
    const items = value as readonly (Value | null)[]
    const lengthAt = this.#at
    this.#int32(0)
    const start = this.#at
    this.#int32(items.length === 0 ? 0 : 1)
    this.#int32(items.includes(null) ? 1 : 0)
    this.#int32(oids[item])
    if (items.length > 0) {
      this.#int32(items.length)
      this.#int32(1)
      for (const each of items) this.#field(item, each)
    }
    this.#bytes.writeInt32BE(this.#at - start, lengthAt)
  }

  #scalar(type: ScalarName, value: Value): void {
    this.#need(12)
    const bytes = this.#bytes
    switch (type) {
      case 'bool':
        this.#int32(1)
        bytes[this.#at++] = value === true ? 1 : 0
        return
      case 'int32':
        this.#int32(4)
        this.#at = bytes.writeInt32BE(Number(value), this.#at)
        return
      case 'float32':
        this.#int32(4)
        this.#at = bytes.writeFloatBE(Number(value), this.#at)
        return
      case 'float64':
        this.#int32(8)
        this.#at = bytes.writeDoubleBE(Number(value), this.#at)
        return
      case 'int64':
        this.#int32(8)
        this.#at = bytes.writeBigInt64BE(value as bigint, this.#at)
        return
      case 'timestamp':
        this.#int32(8)
        this.#at = bytes.writeBigInt64BE((value as bigint) - epochUs, this.#at)
        return
      case 'string': {
        const text = value as string
        const room = text.length * 3
        this.#need(4 + room)
        const written = this.#bytes.write(text, this.#at + 4, 'utf8')
        this.#bytes.writeInt32BE(written, this.#at)
        this.#at += 4 + written
        return
      }
      case 'bytes':
        this.#int32((value as Uint8Array).length)
        this.#put(value as Uint8Array)
    }
  }
}
