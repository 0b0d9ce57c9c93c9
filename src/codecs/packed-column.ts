import { type FeatureType, type ScalarName, partsOf } from '../values/feature-type.ts'
import type { Value } from '../values/value.ts'

/** Where a codec stands in a row: the same bytes as a buffer and as a view. */
export interface Cursor {
  bytes: Buffer
  view: DataView
  at: number
  /** Where what is read ends. */
  end: number
}

/**
 * How the values of one type lie in the body of a packed row; null stands in the bitmap and takes no bytes in the
 * variable part. `read` and `skip` leave the cursor behind the value and throw a RangeError where the bytes end early.
 */
export interface ColumnCodec {
  /** At most how many bytes `write` takes for this value. */
  sizeOf(value: Value): number
  write(cursor: Cursor, value: Value): void
  read(cursor: Cursor): Value
  skip(cursor: Cursor): void
}

/** The codec of a type whose values all take the same bytes; a column of it has its place. */
export interface FixedCodec extends ColumnCodec {
  readonly width: number
  get(view: DataView, at: number): Value
  set(view: DataView, at: number, value: Value): void
}

/** Whether the values of a codec all take the same bytes. A bool in a column of its own is a bit and asks no codec. */
export const isFixed = (codec: ColumnCodec): codec is FixedCodec => 'width' in codec

/** The codec of a type. */
export function columnCodec(type: FeatureType): ColumnCodec {
  const parts = partsOf(type)
  if (parts.kind === 'vector') return vectorCodec(parts.size)
  return parts.kind === 'list' ? listCodec(scalarCodec(parts.item)) : scalarCodec(parts.name)
}

function scalarCodec(name: ScalarName): ColumnCodec {
  switch (name) {
    case 'bool':
      return fixed(
        1,
        (v, at, value) => v.setUint8(at, value === true ? 1 : 0),
        (v, at) => v.getUint8(at) === 1,
      )
    case 'int32':
      return fixed(
        4,
        (v, at, value) => v.setInt32(at, value as number, true),
        (v, at) => v.getInt32(at, true),
      )
    case 'float32':
      return fixed(
        4,
        (v, at, value) => v.setFloat32(at, value as number, true),
        (v, at) => v.getFloat32(at, true),
      )
    case 'float64':
      return fixed(
        8,
        (v, at, value) => v.setFloat64(at, value as number, true),
        (v, at) => v.getFloat64(at, true),
      )
    case 'int64':
    case 'timestamp':
      return fixed(
        8,
        (v, at, value) => v.setBigInt64(at, value as bigint, true),
        (v, at) => v.getBigInt64(at, true),
      )
    case 'string':
      return stringCodec
    case 'bytes':
      return bytesCodec
  }
}

function fixed(
  width: number,
  set: (view: DataView, at: number, value: Value) => void,
  get: (view: DataView, at: number) => Value,
): FixedCodec {
  return {
    width,
    get,
    set,
    sizeOf: () => width,
    write: (c, value) => {
      set(c.view, c.at, value)
      c.at += width
    },
    read: (c) => {
      const value = get(c.view, c.at)
      c.at += width
      return value
    },
    skip: (c) => {
      advance(c, width)
    },
  }
}

/** Longest text that is read character by character, which beats the native call up to about here. */
const shortText = 12

const stringCodec: ColumnCodec = {
  // A UTF-16 unit takes at most three bytes.
  sizeOf: (value) => 5 + 3 * (value as string).length,
  write: (c, value) => {
    const text = value as string
    // The length stands before the text and its own width depends on it, so it is counted first.
    writeLength(c, Buffer.byteLength(text))
    c.at += c.bytes.write(text, c.at)
  },
  read: (c) => {
    const length = readLength(c)
    const start = c.at
    advance(c, length)
    return length <= shortText ? shortString(c.bytes, start, c.at) : c.bytes.toString('utf8', start, c.at)
  },
  skip: (c) => {
    advance(c, readLength(c))
  },
}

const bytesCodec: ColumnCodec = {
  sizeOf: (value) => 5 + (value as Uint8Array).length,
  write: (c, value) => {
    const bytes = value as Uint8Array
    writeLength(c, bytes.length)
    c.bytes.set(bytes, c.at)
    c.at += bytes.length
  },
  read: (c) => {
    const length = readLength(c)
    const start = c.at
    advance(c, length)
    return new Uint8Array(c.bytes.subarray(start, c.at))
  },
  skip: (c) => {
    advance(c, readLength(c))
  },
}

/** A list: its length, a bitmap of its nulls, then the elements that are not null. */
function listCodec(item: ColumnCodec): ColumnCodec {
  const walk = (c: Cursor, visit: (isNull: boolean) => void): void => {
    const length = readLength(c)
    const bitmap = c.at
    advance(c, (length + 7) >> 3)
    for (let i = 0; i < length; i++) visit(((c.bytes[bitmap + (i >> 3)] ?? 0) & (1 << (i & 7))) !== 0)
  }
  return {
    sizeOf: (value) => {
      const list = value as readonly (Value | null)[]
      let size = 5 + ((list.length + 7) >> 3)
      for (const element of list) if (element !== null) size += item.sizeOf(element)
      return size
    },
    write: (c, value) => {
      const list = value as readonly (Value | null)[]
      writeLength(c, list.length)
      const bitmap = c.at
      c.at += (list.length + 7) >> 3
      c.bytes.fill(0, bitmap, c.at)
      for (const [i, element] of list.entries()) {
        if (element === null) setBit(c.bytes, bitmap, i)
        else item.write(c, element)
      }
    },
    read: (c) => {
      const list: (Value | null)[] = []
      walk(c, (isNull) => list.push(isNull ? null : item.read(c)))
      return list
    },
    skip: (c) => {
      walk(c, (isNull) => {
        if (!isNull) item.skip(c)
      })
    },
  }
}

/** A vector: its float32 elements, nothing before them. */
function vectorCodec(size: number): ColumnCodec {
  const bytes = size * 4
  return {
    sizeOf: () => bytes,
    write: (c, value) => {
      for (const element of value as readonly number[]) {
        c.view.setFloat32(c.at, element, true)
        c.at += 4
      }
    },
    read: (c) => {
      const start = c.at
      advance(c, bytes)
      return Array.from({ length: size }, (_, i) => c.view.getFloat32(start + 4 * i, true))
    },
    skip: (c) => {
      advance(c, bytes)
    },
  }
}

/** Sets bit `index` of the bitmap that begins at `start`. */
export function setBit(bytes: Uint8Array, start: number, index: number): void {
  const at = start + (index >> 3)
  bytes[at] = (bytes[at] ?? 0) | (1 << (index & 7))
}

function advance(c: Cursor, length: number): void {
  c.at += length
  if (c.at > c.end) throw new RangeError('The row ends early')
}

/** A length as LEB128: seven bits a byte, the least first. */
function writeLength(c: Cursor, length: number): void {
  let rest = length
  while (rest >= 0x80) {
    c.bytes[c.at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  c.bytes[c.at++] = rest
}

function readLength(c: Cursor): number {
  let length = 0
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = c.view.getUint8(c.at++)
    length |= (byte & 0x7f) << shift
    if (byte < 0x80) return length
  }
  throw new RangeError('A length is not one')
}

function shortString(bytes: Buffer, start: number, end: number): string {
  let text = ''
  for (let i = start; i < end; i++) {
    const byte = bytes[i] ?? 0
    if (byte >= 0x80) return bytes.toString('utf8', start, end)
    text += String.fromCharCode(byte)
  }
  return text
}
