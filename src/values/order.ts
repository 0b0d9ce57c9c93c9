import type { Instant } from './instant.ts'

/**
 * Where a row stands in the Order of its entity: `(event, created, reading, tie)`, compared in that order.
 * A null created is the oldest. Reading is 0 for pushed rows, else the attempt that read the row in place.
 * Tie is 0 for rows read in place (the query settles those), a number ≥ 0 made from its values for a pushed row,
 * and `tombstoneTie` for a tombstone.
 */
export interface OrderTuple {
  readonly event: Instant
  readonly created: Instant | null
  readonly reading: bigint
  readonly tie: bigint
}

/** The tie of a tombstone: greater than that of any row. */
export const tombstoneTie = 0x7fff_ffff_ffff_ffffn

/** Bytes of an encoded Order. */
export const orderBytes = 32

const bias = 1n << 63n
const createdMissing = -bias

/** Writes the Order so that its bytes compare as it does: four int64, biased, big-endian. */
export function writeOrder(order: OrderTuple, view: DataView, offset: number): void {
  view.setBigUint64(offset, BigInt.asUintN(64, order.event + bias))
  view.setBigUint64(offset + 8, BigInt.asUintN(64, (order.created ?? createdMissing) + bias))
  view.setBigUint64(offset + 16, BigInt.asUintN(64, order.reading + bias))
  view.setBigUint64(offset + 24, BigInt.asUintN(64, order.tie + bias))
}

/** Reads back what `writeOrder` wrote. */
export function readOrder(view: DataView, offset: number): OrderTuple {
  const created = view.getBigUint64(offset + 8) - bias
  return {
    event: view.getBigUint64(offset) - bias,
    created: created === createdMissing ? null : created,
    reading: view.getBigUint64(offset + 16) - bias,
    tie: view.getBigUint64(offset + 24) - bias,
  }
}

/** −1, 0, 1: which of two rows is the later. */
export function compareOrder(a: OrderTuple, b: OrderTuple): number {
  return (
    compare(a.event, b.event) ||
    compare(a.created ?? createdMissing, b.created ?? createdMissing) ||
    compare(a.reading, b.reading) ||
    compare(a.tie, b.tie)
  )
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0)
