import type { FeatureType } from '../values/feature-type.ts'
import type { Value } from '../values/value.ts'
import type { Cursor } from './packed-column.ts'
import {
  type StoredColumn,
  corrupt,
  eventAt,
  fingerprintAt,
  headerBytes,
  layoutOf,
  matches,
  rowFormat,
  tombstoneFlag,
} from './packed-row.ts'

/** A form that values are read in: exact, as the SDK gives them, as JSON text. */
export interface ValueForm<T> {
  /** What null is. */
  readonly none: T
  /** How values of a type are read. */
  of(type: FeatureType): FormOfType<T>
}

/** `get` and `read` are for types that can be read in the form without making the exact value first. */
export interface FormOfType<T> {
  readonly of: (value: Value) => T
  readonly get?: (view: DataView, at: number) => T
  readonly read?: (cursor: Cursor) => T
}

/** Where values go to: a list by position, an object by name. */
export type Slots<T> = Record<string | number, T>

/**
 * Reads the row that lies at `start` of the cursor's bytes, up to `end`, and puts each wanted value at its slot. Answers how
 * many of them are null. What it reads is the caller's to keep. @throws CORRUPT_STORE.
 */
export type RowReader<T> = (cursor: Cursor, start: number, end: number, into: Slots<T>) => number

/** A wanted column, and the slot of its value. */
export interface Wanted {
  readonly column: StoredColumn
  readonly slot: string | number
}

/**
 * Compiles the reader of rows with a stored schema. A wanted column that does not match a stored one in name, type and
 * meaning is null, and so are all of a tombstone.
 */
export function rowReader<T>(
  stored: readonly StoredColumn[],
  wanted: readonly Wanted[],
  form: ValueForm<T>,
): RowReader<T> {
  const { none } = form
  const steps = stepsOf(stored, wanted, form)
  const all = wanted.map(({ slot }) => slot)
  return (cursor, start, end, into) => {
    const { bytes, view } = cursor
    checkRow(cursor, start, end)
    const flags = bytes[start + 1] ?? 0
    if (flags !== 0) {
      if (flags !== tombstoneFlag) throw corrupt(`flags ${flags}`)
      for (const slot of all) into[slot] = none
      return all.length
    }
    if (end - start < steps.variableAt) throw corrupt(`${end - start} bytes`)
    const bits = start + headerBytes
    let nulls = steps.absent.length
    for (const slot of steps.absent) into[slot] = none
    for (const { index, bit, slot, values } of steps.bools) {
      const isNull = hasBit(bytes, bits, index)
      if (isNull) nulls++
      into[slot] = isNull ? none : hasBit(bytes, bits, bit) ? values.yes : values.no
    }
    for (const { index, at, slot, get } of steps.fixed) {
      const isNull = hasBit(bytes, bits, index)
      if (isNull) nulls++
      into[slot] = isNull ? none : get(view, start + at)
    }
    if (steps.variable.length > 0) {
      cursor.at = start + steps.variableAt
      cursor.end = end
      nulls += readVariable(cursor, bits, steps.variable, { none, into })
    }
    return nulls
  }
}

interface VariableStep<T> {
  readonly index: number
  readonly slots: readonly (string | number)[]
  readonly read: (cursor: Cursor) => T
  readonly skip: (cursor: Cursor) => void
}

interface Steps<T> {
  /** Slots of columns that are not stored. */
  readonly absent: readonly (string | number)[]
  readonly bools: readonly {
    readonly index: number
    readonly bit: number
    readonly slot: string | number
    readonly values: { readonly yes: T; readonly no: T }
  }[]
  readonly fixed: readonly {
    readonly index: number
    readonly at: number
    readonly slot: string | number
    readonly get: (view: DataView, at: number) => T
  }[]
  /** In stored order, up to the last that is wanted. */
  readonly variable: readonly VariableStep<T>[]
  readonly variableAt: number
}

function stepsOf<T>(stored: readonly StoredColumn[], wanted: readonly Wanted[], form: ValueForm<T>): Steps<T> {
  const layout = layoutOf(stored)
  const slots = stored.map((column) => wanted.filter((w) => matches(column, w.column)).map((w) => w.slot))
  const typeOf = (index: number): FeatureType => stored[index]?.type ?? 'bool'
  const last = layout.variable.findLastIndex(({ index }) => (slots[index] ?? []).length > 0)
  return {
    absent: wanted.filter((w) => !stored.some((column) => matches(column, w.column))).map((w) => w.slot),
    bools: layout.bools.flatMap(({ index, bit }) => {
      const { of } = form.of('bool')
      return (slots[index] ?? []).map((slot) => ({ index, bit, slot, values: { yes: of(true), no: of(false) } }))
    }),
    fixed: layout.fixed.flatMap(({ index, at, codec }) => {
      const reader = form.of(typeOf(index))
      const get = reader.get ?? ((view: DataView, place: number): T => reader.of(codec.get(view, place)))
      return (slots[index] ?? []).map((slot) => ({ index, at, slot, get }))
    }),
    variable: layout.variable.slice(0, last + 1).map(({ index, codec }) => {
      const reader = form.of(typeOf(index))
      const read = reader.read ?? ((cursor: Cursor): T => reader.of(codec.read(cursor)))
      return { index, slots: slots[index] ?? [], read, skip: (cursor) => codec.skip(cursor) }
    }),
    variableAt: layout.variableAt,
  }
}

function readVariable<T>(
  cursor: Cursor,
  bits: number,
  steps: readonly VariableStep<T>[],
  { none, into }: { readonly none: T; readonly into: Slots<T> },
): number {
  let nulls = 0
  try {
    for (const { index, slots, read, skip } of steps) {
      if (hasBit(cursor.bytes, bits, index)) {
        nulls += slots.length
        for (const slot of slots) into[slot] = none
      } else if (slots.length === 0) skip(cursor)
      else {
        const value = read(cursor)
        for (const slot of slots) into[slot] = value
      }
    }
  } catch (thrown) {
    if (thrown instanceof RangeError) throw corrupt(thrown.message)
    throw thrown
  }
  return nulls
}

const hasBit = (bytes: Uint8Array, start: number, index: number): boolean =>
  ((bytes[start + (index >> 3)] ?? 0) & (1 << (index & 7))) !== 0

const exactForm: ValueForm<Value | null> = { none: null, of: () => ({ of: (value) => value }) }

/** Compiles a decoder from a stored schema to exact values of the wanted columns, in their order. @throws as `RowReader`. */
export function rowDecoder(
  stored: readonly StoredColumn[],
  wanted: readonly StoredColumn[],
): (row: Uint8Array) => (Value | null)[] {
  const read = rowReader(
    stored,
    wanted.map((column, slot) => ({ column, slot })),
    exactForm,
  )
  return (row) => {
    const values = wanted.map((): Value | null => null)
    const bytes = Buffer.isBuffer(row) ? row : Buffer.from(row.buffer, row.byteOffset, row.byteLength)
    read(cursorOver(bytes), 0, row.length, values as unknown as Slots<Value | null>)
    return values
  }
}

/** A cursor over bytes that hold rows. Reading a row never waits, so that all who read the same bytes share one. */
export function cursorOver(bytes: Buffer): Cursor {
  if (last?.bytes === bytes) return last
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return (last = { bytes, view, at: 0, end: bytes.length })
}

/** Rows that are read one after the other often lie in the same memory, and a view of it costs as much as a look at the clock. */
let last: Cursor | undefined

/** Demands that what lies at `start` is as long as the header of a row, and of the format that this release reads. @throws CORRUPT_STORE. */
export function checkRow({ bytes }: Cursor, start: number, end: number): void {
  if (end - start < headerBytes) throw corrupt(`${end - start} bytes`)
  if (bytes[start] !== rowFormat) throw corrupt(`format ${bytes[start]}`)
}

/** Whether the row at `start` is a tombstone. */
export const isTombstoneAt = ({ bytes }: Cursor, start: number): boolean =>
  ((bytes[start + 1] ?? 0) & tombstoneFlag) !== 0

/** The fingerprint of the schema of the row at `start`. */
export const fingerprintOfRow = ({ view }: Cursor, start: number): number => view.getUint32(start + fingerprintAt)

/** The event time of the row at `start`. */
export const eventOfRow = ({ view }: Cursor, start: number): bigint => view.getBigInt64(start + eventAt) ^ eventBias

/** The int64 at a place as a number, which costs a fifth of a bigint; undefined where it is not exact. */
export function safeInt64(view: DataView, at: number): number | undefined {
  const number = view.getInt32(at + 4, true) * highUnit + view.getUint32(at, true)
  return Number.isSafeInteger(number) ? number : undefined
}

const eventBias = -(1n << 63n)
const highUnit = 2 ** 32
const highBias = 2 ** 31

/** The event time of the row at `start` as a number, which costs a tenth of a bigint: exact where it is a safe integer, as almost all are. */
export const eventNumberOf = ({ view }: Cursor, start: number): number =>
  (view.getUint32(start + eventAt) - highBias) * highUnit + view.getUint32(start + eventAt + 4)

/** An instant that event times are compared with: also as a number, which costs a tenth, where that is exact. */
export interface EventBound {
  readonly us: bigint
  /** NaN where it is not exact. */
  readonly number: number
}

export function eventBound(us: bigint): EventBound {
  const number = Number(us)
  return { us, number: Number.isSafeInteger(number) ? number : Number.NaN }
}

/** Whether the event time of the row at `start` lies before an instant. */
export function isBefore(cursor: Cursor, start: number, { us, number }: EventBound): boolean {
  const event = eventNumberOf(cursor, start)
  return Number.isSafeInteger(event) && !Number.isNaN(number) ? event < number : eventOfRow(cursor, start) < us
}
