import type { Space } from '../../ports/online.ts'
import { assert } from '../../kernel/assert.ts'

// Key: length of the view's name u8 · name · generation, biased, u64 big-endian · entity key. The length before the name
// keeps views apart whose names begin alike, and entity keys need no escaping since they come last.

const bias = 1n << 63n
/** Prefixes are asked for again and again; there are few spaces. */
const cacheLimit = 10_000
const cache = new Map<string, Map<bigint, Buffer>>()
let cached = 0

/** The bytes that the keys of a space begin with. Shared: not to be written into. */
export function prefixOf(space: Space): Buffer {
  // A view is read by the same object again and again.
  if (space === last.space) return last.prefix
  const prefix = knownPrefix(space)
  last = { space, prefix }
  return prefix
}

let last: { readonly space: Space | undefined; readonly prefix: Buffer } = { space: undefined, prefix: Buffer.alloc(0) }

function knownPrefix(space: Space): Buffer {
  const known = cache.get(space.view)?.get(space.generation)
  if (known !== undefined) return known
  const name = Buffer.from(space.view)
  assert(name.length <= 255, 'a view has a short name')
  const prefix = Buffer.alloc(1 + name.length + 8)
  prefix[0] = name.length
  prefix.set(name, 1)
  prefix.writeBigUInt64BE(BigInt.asUintN(64, space.generation + bias), 1 + name.length)
  if (cached++ >= cacheLimit) {
    cache.clear()
    cached = 1
  }
  const generations = cache.get(space.view) ?? new Map<bigint, Buffer>()
  cache.set(space.view, generations.set(space.generation, prefix))
  return prefix
}

/** The first bytes after all keys that begin with a prefix. */
export function afterPrefix(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix)
  for (let i = end.length - 1; i >= 0; i--) {
    const byte = end[i] ?? 0
    end[i] = (byte + 1) & 0xff
    if (byte !== 0xff) return end
  }
  throw new Error('Assertion failed: a prefix begins with a length below 255')
}
