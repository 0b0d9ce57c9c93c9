import type { DeadLetter, PushTo } from '../../../ports/dead-letters.ts'
import type { IdempotencyRecord, LogRecord, LogRow } from '../../../ports/push-log.ts'
import type { LogTarget } from '../../../query/relation.ts'
import type { Value } from '../../../values/value.ts'
import { type ColumnCodec, type Cursor, columnCodec, setBit } from '../../../codecs/packed-column.ts'
import { fail } from '../../../kernel/errors.ts'
import { type FeatureType, isFeatureType } from '../../../values/feature-type.ts'

// A record's bytes: flags u8 · to u8 · target · [key, atUs, body hash, answer] · [dead letters] · [replayed ids] ·
// columns (name, type) · rows. A row: event, created, tie as int64 · a bit for each column, set where it is null ·
// the values that are not null. Texts, numbers and values as codecs/packed-column writes them; counts are u32.
const hasKey = 1
const hasLetters = 2
const hasReplayed = 4
const hasRows = 8

const text = columnCodec('string')
const int64 = columnCodec('int64')
const tos = ['both', 'online', 'offline'] as const satisfies readonly PushTo[]
const kinds = ['view', 'source'] as const satisfies readonly LogTarget['kind'][]

/** What is known of a record without reading it whole. */
export interface RecordHead {
  readonly target: LogTarget
  readonly to: PushTo
  readonly claim: { readonly key: string; readonly atUs: bigint } | null
  readonly letters: boolean
  readonly replayed: boolean
  readonly rows: boolean
}

/** The bytes of a record. */
export function encodeRecord(record: LogRecord): Buffer {
  const codecs = record.columns.map((column) => columnCodec(column.type))
  const bytes = Buffer.allocUnsafe(boundOf(record, codecs))
  const c: Cursor = {
    bytes,
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
    at: 0,
    end: bytes.length,
  }
  const { idempotency, deadLetters, replayed } = record
  bytes[c.at++] =
    (idempotency === undefined ? 0 : hasKey) |
    (deadLetters.length > 0 ? hasLetters : 0) |
    (replayed.length > 0 ? hasReplayed : 0) |
    (record.rows.length > 0 ? hasRows : 0)
  bytes[c.at++] = tos.indexOf(record.to)
  writeTarget(c, record.target)
  if (idempotency !== undefined) writeClaim(c, idempotency)
  if (deadLetters.length > 0) writeAll(c, deadLetters, writeLetter)
  if (replayed.length > 0)
    writeAll(c, replayed, (cursor, id) => {
      text.write(cursor, id)
    })
  writeAll(c, record.columns, (cursor, { name, type }) => {
    text.write(cursor, name)
    text.write(cursor, type)
  })
  writeAll(c, record.rows, (cursor, row) => {
    writeRow(cursor, row, codecs)
  })
  return bytes.subarray(0, c.at)
}

/** Reads a record. @throws CORRUPT_STORE where the bytes are none. */
export function decodeRecord(bytes: Buffer): LogRecord {
  return decoded(bytes, (c) => {
    const { flags, to, target } = readStart(c)
    const idempotency = (flags & hasKey) === 0 ? undefined : readClaim(c)
    const deadLetters = (flags & hasLetters) === 0 ? [] : readAll(c, readLetter)
    const replayed = (flags & hasReplayed) === 0 ? [] : readAll(c, readText)
    const columns = readAll(c, (cursor) => ({ name: readText(cursor), type: readType(cursor) }))
    const codecs = columns.map((column) => columnCodec(column.type))
    const rows = readAll(c, (cursor) => readRow(cursor, codecs))
    return { target, to, columns, rows, deadLetters, replayed, ...(idempotency === undefined ? {} : { idempotency }) }
  })
}

/** Reads only what a record begins with. @throws CORRUPT_STORE. */
export function decodeHead(bytes: Buffer): RecordHead {
  return decoded(bytes, (c) => {
    const { flags, to, target } = readStart(c)
    const claim = (flags & hasKey) === 0 ? null : { key: readText(c), atUs: int64.read(c) as bigint }
    return {
      target,
      to,
      claim,
      letters: (flags & hasLetters) !== 0,
      replayed: (flags & hasReplayed) !== 0,
      rows: (flags & hasRows) !== 0,
    }
  })
}

function decoded<T>(bytes: Buffer, read: (cursor: Cursor) => T): T {
  try {
    return read({ bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), at: 0, end: bytes.length })
  } catch (cause) {
    throw fail('CORRUPT_STORE', 'A record of the push log cannot be read though its checksum holds', { cause })
  }
}

function boundOf(record: LogRecord, codecs: readonly ColumnCodec[]): number {
  const { idempotency } = record
  const ofTexts = (texts: readonly string[]): number => texts.reduce((sum, each) => sum + text.sizeOf(each), 0)
  let bound =
    32 + ofTexts([record.target.name, ...record.replayed, ...record.columns.flatMap(({ name, type }) => [name, type])])
  if (idempotency !== undefined) bound += 8 + ofTexts([idempotency.key, idempotency.bodyHash, idempotency.answer])
  for (const each of record.deadLetters)
    bound += 16 + ofTexts([each.id, each.target.name, each.row, each.code, each.detail])
  const fixed = 24 + ((codecs.length + 7) >> 3)
  for (const { values } of record.rows) {
    bound += fixed
    for (const [i, codec] of codecs.entries()) {
      const value = values[i] ?? null
      if (value !== null) bound += codec.sizeOf(value)
    }
  }
  return bound
}

function writeAll<T>(c: Cursor, items: readonly T[], write: (cursor: Cursor, item: T) => void): void {
  c.view.setUint32(c.at, items.length, true)
  c.at += 4
  for (const item of items) write(c, item)
}

function readAll<T>(c: Cursor, read: (cursor: Cursor) => T): T[] {
  const length = c.view.getUint32(c.at, true)
  c.at += 4
  const items: T[] = []
  for (let i = 0; i < length; i++) items.push(read(c))
  return items
}

function writeTarget(c: Cursor, target: LogTarget): void {
  c.bytes[c.at++] = kinds.indexOf(target.kind)
  text.write(c, target.name)
}

function readTarget(c: Cursor): LogTarget {
  const kind = pick(kinds, c)
  return { kind, name: readText(c) }
}

function writeClaim(c: Cursor, { key, atUs, bodyHash, answer }: IdempotencyRecord): void {
  text.write(c, key)
  int64.write(c, atUs)
  text.write(c, bodyHash)
  text.write(c, answer)
}

function readClaim(c: Cursor): IdempotencyRecord {
  const key = readText(c)
  const atUs = int64.read(c) as bigint
  const bodyHash = readText(c)
  return { key, atUs, bodyHash, answer: readText(c) }
}

function writeLetter(c: Cursor, letter: DeadLetter): void {
  text.write(c, letter.id)
  int64.write(c, letter.atUs)
  writeTarget(c, letter.target)
  c.bytes[c.at++] = tos.indexOf(letter.to)
  for (const each of [letter.row, letter.code, letter.detail]) text.write(c, each)
}

function readLetter(c: Cursor): DeadLetter {
  const id = readText(c)
  const atUs = int64.read(c) as bigint
  const target = readTarget(c)
  const to = pick(tos, c)
  const row = readText(c)
  const code = readText(c)
  return { id, atUs, target, to, row, code, detail: readText(c) }
}

function writeRow(c: Cursor, row: LogRow, codecs: readonly ColumnCodec[]): void {
  for (const each of [row.event, row.created, row.tie]) int64.write(c, each)
  const bitmap = c.at
  c.at += (codecs.length + 7) >> 3
  c.bytes.fill(0, bitmap, c.at)
  for (const [i, codec] of codecs.entries()) {
    const value = row.values[i] ?? null
    if (value === null) setBit(c.bytes, bitmap, i)
    else codec.write(c, value)
  }
}

function readRow(c: Cursor, codecs: readonly ColumnCodec[]): LogRow {
  const event = int64.read(c) as bigint
  const created = int64.read(c) as bigint
  const tie = int64.read(c) as bigint
  const bitmap = c.at
  c.at += (codecs.length + 7) >> 3
  const values = codecs.map((codec, i): Value | null =>
    ((c.bytes[bitmap + (i >> 3)] ?? 0) & (1 << (i & 7))) === 0 ? codec.read(c) : null,
  )
  return { event, created, tie, values }
}

function readStart(c: Cursor): { flags: number; to: PushTo; target: LogTarget } {
  const flags = c.view.getUint8(c.at++)
  const to = pick(tos, c)
  return { flags, to, target: readTarget(c) }
}

const readText = (c: Cursor): string => text.read(c) as string

function readType(c: Cursor): FeatureType {
  const type = readText(c)
  if (!isFeatureType(type)) throw new RangeError(`${type} is no type`)
  return type
}

function pick<T>(of: readonly T[], c: Cursor): T {
  const item = of[c.view.getUint8(c.at++)]
  if (item === undefined) throw new RangeError('A number names none of its choices')
  return item
}
