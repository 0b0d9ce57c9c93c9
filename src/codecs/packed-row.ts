import type { FeatureType } from '../values/feature-type.ts'
import type { OrderTuple } from '../values/order.ts'
import type { Value } from '../values/value.ts'

/** A column as it is stored: a reader takes it only if name, type and meaning all match. */
export interface StoredColumn {
  readonly name: string
  readonly type: FeatureType
  readonly meaning: string
}

/** What can be read of a packed row without its schema. */
export interface RowHeader {
  readonly tombstone: boolean
  readonly fingerprint: number
  readonly revision: bigint
  readonly order: OrderTuple
}

// Layout: format u8 = 1 · flags u8 (bit 0 tombstone) · fingerprint u32 · revision u64 · Order 32 bytes (values/order) · body.
export const headerBytes = 46

export declare function readHeader(row: Uint8Array): RowHeader
/** Whether `next` replaces `old`: later in the Order, or equal in it and of a revision that is not older. */
export declare function replaces(next: Uint8Array, old: Uint8Array): boolean
/** The canonical text of a schema and its 32-bit fingerprint (0 is never one). */
export declare function schemaText(columns: readonly StoredColumn[]): string
export declare function parseSchemaText(text: string): readonly StoredColumn[]
export declare function fingerprintOf(text: string): number
/** Compiles an encoder; `values[i]` is of `columns[i]`. */
export declare function rowEncoder(columns: readonly StoredColumn[], fingerprint: number): (header: { revision: bigint; order: OrderTuple }, values: readonly (Value | null)[]) => Uint8Array
export declare function tombstoneRow(header: { revision: bigint; order: OrderTuple }): Uint8Array
/** Compiles a decoder from a stored schema to the wanted columns: what does not match reads null. */
export declare function rowDecoder(stored: readonly StoredColumn[], wanted: readonly StoredColumn[]): (row: Uint8Array) => (Value | null)[]
