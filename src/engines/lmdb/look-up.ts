import type { Database } from 'lmdb'
import { longestKeyBytes } from '../../ports/online.ts'
import { type ByteList, ByteListWriter, countOf, endOf, startOf } from '../../values/byte-list.ts'

/** A looking up never waits, so that all share this: room for a whole key, a view of it for each length, what was found. */
const whole = Buffer.alloc(512 + longestKeyBytes)
const wholeKeys: Buffer[] = []
const found = new ByteListWriter(64 * 1024)

type Rows = Database<Buffer, Uint8Array> & { readonly lastSize?: number }

/** Below this a loop copies bytes faster than the native call. */
const shortBytes = 24

/**
 * Looks rows up under a prefix, in the order of their keys. lmdb's own buffer is used again by the next look-up, so what is
 * found is copied.
 */
export function lookUp(rows: Rows, prefix: Buffer, keys: ByteList): ByteList {
  whole.set(prefix)
  const count = countOf(keys)
  found.begin()
  for (let i = 0; i < count; i++) {
    const row = get(rows, prefix, keys, i)
    if (row === undefined) found.miss()
    else found.push(row, rows.lastSize ?? 0)
  }
  return found.take()
}

/** The row of key `i`, in lmdb's own buffer, which is longer: `lastSize` is the size of the row. The prefix is in place. */
function get(rows: Rows, prefix: Buffer, keys: ByteList, i: number): Uint8Array | undefined {
  const { bytes } = keys
  const start = startOf(keys, i)
  const length = endOf(keys, i) - start
  if (start < 0 || length > longestKeyBytes) return undefined
  const at = prefix.length
  if (length > shortBytes) bytes.copy(whole, at, start, start + length)
  else for (let k = 0; k < length; k++) whole[at + k] = bytes[start + k] ?? 0
  return rows.getBinaryFast((wholeKeys[at + length] ??= whole.subarray(0, at + length)))
}
