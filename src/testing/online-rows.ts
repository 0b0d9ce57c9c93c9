import assert from 'node:assert/strict'
import type { Call } from '../kernel/call.ts'
import type { OnlineMarks } from '../ports/marks.ts'
import type { KeyedRow, OnlineStore, Space } from '../ports/online.ts'
import type { Seeded } from './seeded.ts'
import { fingerprintOf, readHeader, rowEncoder, schemaText, tombstoneRow } from '../codecs/packed-row.ts'
import { byteList, itemsOf } from '../values/byte-list.ts'
import { compareOrder, tombstoneTie } from '../values/order.ts'

/** What the laws of the online ports need of an engine: one store, made for one law. */
export interface OnlineHarness {
  /** Another handle on the store, as another process would open it. The law disposes it. */
  open(): Promise<OnlineStore & OnlineMarks>
  /** Takes a copy of the store; calling the answer puts it in the store's place, under the open handles, as an operator would. */
  backup(): Promise<() => Promise<void>>
}

/** Where a row of the laws stands in the Order; what is left out is 0, created null, revision 1. */
export interface At {
  readonly event: number
  readonly created?: number | null
  readonly reading?: number
  readonly tie?: number
  readonly revision?: number
  readonly tombstone?: boolean
}

const columns = [{ name: 'value', type: 'string', meaning: 'of the laws' }] as const

/** A packed row at a place in the Order, with one text column; a tombstone where asked. */
export function packed(at: At, value = ''): Uint8Array {
  const order = {
    event: BigInt(at.event),
    created: at.created === undefined || at.created === null ? null : BigInt(at.created),
    reading: BigInt(at.reading ?? 0),
    tie: at.tombstone === true ? tombstoneTie : BigInt(at.tie ?? 0),
  }
  const header = { revision: BigInt(at.revision ?? 1), order }
  if (at.tombstone === true) return tombstoneRow(header)
  return rowEncoder(columns, fingerprintOf(schemaText(columns)))(header, [value])
}

/** A key of some bytes. */
export const keyed = (key: string | Uint8Array, row: Uint8Array): KeyedRow => ({
  key: typeof key === 'string' ? Buffer.from(key) : key,
  row,
})

/** What must be stored for each key after these writes in any order: the latest, by the words of the law and not by an engine's code. */
export function expected(writes: readonly KeyedRow[]): Map<string, Uint8Array> {
  const out = new Map<string, Uint8Array>()
  for (const { key, row } of writes) {
    const name = Buffer.from(key).toString('hex')
    const old = out.get(name)
    if (old === undefined || wins(row, old)) out.set(name, row)
  }
  return out
}

function wins(next: Uint8Array, old: Uint8Array): boolean {
  const [a, b] = [readHeader(next), readHeader(old)]
  const order = compareOrder(a.order, b.order)
  return order > 0 || (order === 0 && a.revision >= b.revision)
}

/** Writes to few keys at few places in the Order, so that ties and revisions of one place are common. Equal places hold equal rows. */
export function randomWrites(random: Seeded, count: number, keys: readonly Uint8Array[]): KeyedRow[] {
  return Array.from({ length: count }, () => {
    const at: At = {
      event: random.int(4) - 2,
      created: random.pick([null, 0, 1]),
      reading: random.int(2) * 1000,
      tie: random.int(3),
      revision: 1 + random.int(2),
      tombstone: random.int(8) === 0,
    }
    return { key: random.pick(keys), row: packed(at, JSON.stringify(at)) }
  })
}

/** Reads rows: `result[i][j]` answers key j of request i. */
export async function readRows(
  store: OnlineStore,
  requests: readonly { readonly space: Space; readonly keys: readonly Uint8Array[] }[],
  call?: Call,
): Promise<(Uint8Array | null)[][]> {
  const found = await store.read(
    requests.map(({ space, keys }) => ({ space, keys: byteList(keys) })),
    call,
  )
  return found.map(itemsOf)
}

/** Fails unless the store holds exactly this for the keys. */
export async function assertStored(
  store: OnlineStore,
  space: Space,
  keys: readonly Uint8Array[],
  rows: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  const [found] = await readRows(store, [{ space, keys }])
  assert.equal(found?.length, keys.length)
  for (const [i, key] of keys.entries()) {
    const name = Buffer.from(key).toString('hex')
    assertRow(found[i], rows.get(name) ?? null, `key ${name}`)
  }
}

/** Fails unless a read answered this row, byte for byte; null = none. */
export function assertRow(found: Uint8Array | null | undefined, row: Uint8Array | null, what: string): void {
  const hex = (bytes: Uint8Array | null | undefined): string | null | undefined =>
    bytes instanceof Uint8Array ? Buffer.from(bytes).toString('hex') : bytes
  assert.equal(hex(found), hex(row), what)
}
