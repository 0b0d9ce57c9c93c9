import { createHash } from 'node:crypto'
import type { Space } from '../../ports/online.ts'

// One hash per entity key, one field per space, so that all views of an entity lie together: half the memory of a key
// for each, and one slot of a cluster. Braces make the entity's part the one that slots go by. A field is 64 bits of
// the hash of its space: nothing has to be looked up, and an emptied store gives no number twice.

const bias = 1n << 63n

/** What the keys of all entities begin with. */
export const entityHead = (project: string): string => `pv:{${project}:`

/** The key of an entity's hash. */
export function entityKey(project: string, key: Uint8Array): Buffer {
  const [head, tail] = keyEnds(project)
  const out = Buffer.allocUnsafe(head.length + key.length + tail.length)
  head.copy(out)
  out.set(key, head.length)
  tail.copy(out, head.length + key.length)
  return out
}

/** What stands before and behind the entity's own bytes in such a key. Shared: not to be written into. */
export function keyEnds(project: string): readonly [head: Buffer, tail: Buffer] {
  if (lastEnds?.project !== project) lastEnds = { project, ends: [Buffer.from(entityHead(project)), Buffer.from('}')] }
  return lastEnds.ends
}

/** A process has one project. */
let lastEnds: { readonly project: string; readonly ends: readonly [Buffer, Buffer] } | undefined

/** The entity's own bytes in the key of its hash. */
export function keyOf(hash: Buffer, project: string): Buffer {
  const [head, tail] = keyEnds(project)
  return hash.subarray(head.length, hash.length - tail.length)
}

/** A pattern that the keys of all entities match, and no other. (A name of a project has nothing that means something in patterns.) */
export const entityPattern = (project: string): string => `${entityHead(project)}*}`

/** The keys of what a group keeps beside rows. `tag` is what slots go by. */
export const marksKey = (tag: string): string => `pv:marks:{${tag}}`
export const schemasKey = (tag: string): string => `pv:schemas:{${tag}}`

const fields = new Map<string, Buffer>()
/** Spaces are few; so that a process of months keeps no list of all that ever were. */
const fieldsKept = 10_000

/** The field of a space. Shared: not to be written into. */
export function fieldOf(space: Space): Buffer {
  // A view is read by the same object again and again.
  if (space === last.space) return last.field
  const field = knownField(space)
  last = { space, field }
  return field
}

let last: { readonly space: Space | undefined; readonly field: Buffer } = { space: undefined, field: Buffer.alloc(0) }

function knownField(space: Space): Buffer {
  const name = `${space.generation}:${space.view}`
  const known = fields.get(name)
  if (known !== undefined) return known
  const field = createHash('sha256').update(name).digest().subarray(0, 8)
  if (fields.size >= fieldsKept) fields.clear()
  fields.set(name, field)
  return field
}

/** An int64, biased and big-endian, so that its bytes compare as it does. */
export function biased(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt.asUintN(64, value + bias))
  return bytes
}

/** Reads back what `biased` wrote. */
export const unbiased = (bytes: Buffer): bigint => bytes.readBigUInt64BE() - bias
