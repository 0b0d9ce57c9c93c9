import { type FileHandle, open } from 'node:fs/promises'
import { hkdfSync } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { type ProvenderError, fail } from '../../../kernel/errors.ts'

// A frame: marker 8 bytes · payload length u32 · CRC-32 of marker, length and payload u32 · payload · end u8. Numbers are
// little-endian. The end is a byte that the marker does not have: a frame that lacks its last bytes is not made whole by the
// first ones of the frame behind it, by which those would be lost. A payload: format u8 = 3 · kind u8 · writer 8 bytes · counter u32 · durable u48 · torn u48 · entries u32 ·
// entries. An entry: position int64 · length u32 · bytes; the position is 0 but in checkpoints.
const frameHeader = 16
const payloadHeader = 30
const frameEnd = 1
const entryHeader = 12
const format = 3

/** What a frame is: records; the end of a segment (what follows is void); records kept by a checkpoint, each with its own position. */
export type FrameKind = 'records' | 'seal' | 'kept'
const frameKinds: readonly FrameKind[] = ['records', 'seal', 'kept']

/** Who wrote a frame: a process and its count. A writer finds its own frame by this. */
export interface Writer {
  readonly id: Buffer
  readonly counter: number
}

/**
 * What a writer knew to be durable when it wrote a frame: the file up to an offset, all of it frames but for `tornBytes`. Whoever
 * finds more torn bytes there knows that frames were damaged since, where else a damaged frame looks like one never finished.
 */
export interface Witness {
  readonly durable: number
  readonly tornBytes: number
}

/** Of a writer that knows nothing. */
export const noWitness: Witness = Object.freeze({ durable: 0, tornBytes: 0 })

/** A file of frames and what they begin with. */
export interface FramedFile {
  readonly path: string
  readonly marker: Buffer
}

/** One entry of a frame. */
export interface Entry {
  readonly position: bigint
  readonly bytes: Buffer
}

/** What a frame says. */
export interface FrameContent {
  readonly kind: FrameKind
  readonly writer: Writer
  readonly witness: Witness
  readonly entries: readonly Entry[]
}

/** A frame read from a file. */
export interface Frame extends FrameContent {
  readonly offset: number
  /** Where the next frame may begin. */
  readonly end: number
}

/**
 * The 8 bytes that every frame of a file begins with. They come from a secret of the log, so that no pushed value can look like
 * a frame to a reader that searches for the next one behind a torn one.
 */
export function markerOf(secret: string, file: string): Buffer {
  return Buffer.from(hkdfSync('sha256', Buffer.from(secret, 'hex'), '', `provender push log ${file}`, 8))
}

/** The bytes of a frame. */
export function encodeFrame(marker: Buffer, { kind, writer, witness, entries }: FrameContent): Buffer {
  const length = entries.reduce((sum, { bytes }) => sum + entryHeader + bytes.length, payloadHeader)
  const frame = Buffer.allocUnsafe(frameHeader + length + frameEnd)
  marker.copy(frame, 0)
  frame.writeUInt32LE(length, 8)
  let at = frame.writeUInt8(format, frameHeader)
  at = frame.writeUInt8(frameKinds.indexOf(kind), at)
  at += writer.id.copy(frame, at)
  at = frame.writeUInt32LE(writer.counter, at)
  at = frame.writeUIntLE(witness.durable, at, 6)
  at = frame.writeUIntLE(witness.tornBytes, at, 6)
  at = frame.writeUInt32LE(entries.length, at)
  for (const { position, bytes } of entries) {
    at = frame.writeBigInt64LE(position, at)
    at = frame.writeUInt32LE(bytes.length, at)
    at += bytes.copy(frame, at)
  }
  frame.writeUInt8(endAfter(marker), at)
  frame.writeUInt32LE(checksum(frame), 12)
  return frame
}

const checksum = (frame: Buffer): number =>
  crc32(frame.subarray(frameHeader, frame.length - frameEnd), crc32(frame.subarray(0, 12)))

/** The least byte that a marker does not have. */
function endAfter(marker: Buffer): number {
  let end = 0
  while (marker.includes(end)) end++
  return end
}

/** Bytes read at a time. */
const chunkBytes = 1024 * 1024

/**
 * The frames of a file between two offsets, in order; `from` is where a frame may begin, `until` at most the file's size.
 * What is torn (a killed writer, a full disk) is passed over: reading goes on at the next marker whose checksum holds. A frame
 * that reaches beyond `until` is none, it may still be being written.
 */
export async function* readFrames(
  file: FileHandle,
  marker: Buffer,
  from: number,
  until: number,
): AsyncGenerator<Frame> {
  let base = from
  let window: Buffer = Buffer.alloc(0)
  let at = from
  const hold = async (end: number): Promise<void> => {
    if (end <= base + window.length) return
    base = at
    window = await readFully(file, at, Math.min(until, Math.max(end, at + chunkBytes)) - at)
  }
  const last = endAfter(marker)
  while (at + frameHeader + payloadHeader + frameEnd <= until) {
    await hold(at + frameHeader)
    const start = at - base
    if (window.compare(marker, 0, 8, start, start + 8) === 0) {
      const end = at + frameHeader + window.readUInt32LE(start + 8) + frameEnd
      if (end <= until && end >= at + frameHeader + payloadHeader + frameEnd) {
        await hold(end)
        const bytes = window.subarray(at - base, end - base)
        if (bytes[bytes.length - 1] === last && checksum(bytes) === bytes.readUInt32LE(12)) {
          yield parseFrame(bytes, at)
          at = end
          continue
        }
      }
    }
    const next = window.indexOf(marker, at - base + 1)
    at = next === -1 ? Math.max(at + 1, base + window.length - 7) : base + next
  }
}

/** The frames of a file, from an offset where one may begin, up to the file's end or what is given. */
export async function* framesOf(
  { path, marker }: FramedFile,
  from = 0,
  until = Number.POSITIVE_INFINITY,
): AsyncGenerator<Frame> {
  const file = await open(path, 'r')
  try {
    yield* readFrames(file, marker, from, Math.min(until, (await file.stat()).size))
  } finally {
    await file.close()
  }
}

/**
 * The frames of a file that was written whole: nothing in it is torn, and a seal ends it.
 * @throws CORRUPT_STORE naming the file and the place.
 */
export async function* wholeFrames(file: FramedFile): AsyncGenerator<Frame> {
  let end = 0
  for await (const frame of framesOf(file)) {
    if (frame.offset !== end) break
    if (frame.kind === 'seal') return
    yield frame
    end = frame.end
  }
  throw damaged(file.path, end)
}

/** The error of a file whose frames were once whole. */
export const damaged = (path: string, offset: number, remedy?: string): ProvenderError =>
  fail('CORRUPT_STORE', `${path} is damaged at byte ${offset}: what was durable there cannot be read`, { remedy })

async function readFully(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length)
  let read = 0
  while (read < length) {
    const { bytesRead } = await file.read(bytes, read, length - read, position + read)
    if (bytesRead === 0) throw fail('CORRUPT_STORE', 'A file of the push log became shorter while it was read')
    read += bytesRead
  }
  return bytes
}

function parseFrame(bytes: Buffer, offset: number): Frame {
  const kind = frameKinds[bytes[frameHeader + 1] ?? -1]
  if (bytes[frameHeader] !== format || kind === undefined) {
    throw fail('CORRUPT_STORE', 'The push log holds a frame of an unknown format', {
      remedy: 'Use the release of Provender that wrote it, or a later one.',
    })
  }
  const entries: Entry[] = []
  let at = frameHeader + payloadHeader
  for (let left = bytes.readUInt32LE(at - 4); left > 0; left--) {
    const length = bytes.readUInt32LE(at + 8)
    entries.push({
      position: bytes.readBigInt64LE(at),
      bytes: bytes.subarray(at + entryHeader, at + entryHeader + length),
    })
    at += entryHeader + length
  }
  const writer = {
    id: bytes.subarray(frameHeader + 2, frameHeader + 10),
    counter: bytes.readUInt32LE(frameHeader + 10),
  }
  const witness = {
    durable: bytes.readUIntLE(frameHeader + 14, 6),
    tornBytes: bytes.readUIntLE(frameHeader + 20, 6),
  }
  return { offset, end: offset + bytes.length, kind, writer, witness, entries }
}
