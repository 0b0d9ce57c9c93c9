import type { LookUp, OnlineStore } from '../../ports/online.ts'
import { byteList, itemsOf } from '../../values/byte-list.ts'
import { entityKey, fieldOf, keyOf } from './layout.ts'
import type { Servers } from './servers.ts'

/** How long rows are kept, and how many. */
export interface NearCacheLimits {
  /** An answer is never older than this after a write that it does not show, whatever is lost on the way. */
  readonly maxAgeMs: number
  readonly entries: number
  readonly megabytes: number
}

/** Of a server that tells of changes: which epoch it is, undefined while nobody tells (see `Tracker`). */
interface Epochs {
  readonly epoch: number | undefined
}

/** A row, or that there is none, as it was at a time or later; undefined until it was read. */
interface Kept {
  readonly field: Buffer
  readonly sinceMs: number
  readonly tracker: Epochs
  readonly epoch: number
  row: Uint8Array | null | undefined
  /** Whether somebody wrote since. */
  changed: boolean
}

/** What an entry takes beside its bytes, about. */
const entryBytes = 200

/**
 * Rows that were read, in this process. What is kept was asked for in an epoch of its server (see `Tracker`) and dropped when that tells of a
 * change, so it is as old as the message is late; and never older than `maxAgeMs`. The oldest go first.
 */
export class NearCache {
  readonly #limits: NearCacheLimits
  /** By the key of an entity, in the order of first reading. */
  readonly #kept = new Map<string, Kept[]>()
  #oldest = this.#kept.keys()
  #bytes = 0
  #rows = 0

  constructor(limits: NearCacheLimits) {
    this.#limits = limits
  }

  /** Rows that are kept. */
  get rows(): number {
    return this.#rows
  }

  /** The row of a field of an entity; undefined where it is not known. */
  find(key: string, field: Buffer, nowMs: number): Uint8Array | null | undefined {
    const of = this.#kept.get(key)
    if (of === undefined) return undefined
    for (const kept of of) if (kept.field === field) return this.#holds(kept, nowMs) ? kept.row : undefined
    return undefined
  }

  #holds({ changed, tracker, epoch, sinceMs }: Kept, nowMs: number): boolean {
    return !changed && tracker.epoch === epoch && nowMs - sinceMs <= this.#limits.maxAgeMs
  }

  /** Makes room for what is going to be read now, so that a change that is told of meanwhile is noticed; undefined where nobody would tell. */
  expect(key: string, field: Buffer, tracker: Epochs | undefined, nowMs: number): Kept | undefined {
    const epoch = tracker?.epoch
    if (tracker === undefined || epoch === undefined) return undefined
    const of = this.#kept.get(key) ?? []
    const old = of.find((each) => each.field === field)
    if (old !== undefined) {
      // Somebody is reading it already.
      if (old.row === undefined && this.#holds(old, nowMs)) return undefined
      this.#drop(key, old)
    }
    const kept: Kept = { field, sinceMs: nowMs, tracker, epoch, row: undefined, changed: false }
    const others = this.#kept.get(key)
    if (others === undefined) this.#kept.set(key, [kept])
    else others.push(kept)
    this.#count(key, kept, 1)
    return kept
  }

  /** Keeps what was read; null where it could not be. */
  fill(key: string, kept: Kept, read: { readonly row: Uint8Array | null } | null): void {
    if (kept.changed) return
    if (read === null || kept.tracker.epoch !== kept.epoch) {
      this.#drop(key, kept)
      return
    }
    this.#count(key, kept, -1)
    // A copy: a view would keep the whole answer that it came in.
    kept.row = read.row === null ? null : Uint8Array.from(read.row)
    this.#count(key, kept, 1)
    const { entries, megabytes } = this.#limits
    while (this.#rows > entries || this.#bytes > megabytes * mebibyte) this.#forgetOldest()
  }

  #forgetOldest(): void {
    const next = this.#oldest.next()
    // One that is kept goes on where it was: from the start it would walk over the places of all that were dropped.
    if (next.done === true) this.#oldest = this.#kept.keys()
    else this.forget(next.value)
  }

  /** Drops what is kept of an entity. */
  forget(key: string): void {
    for (const kept of this.#kept.get(key) ?? []) {
      kept.changed = true
      this.#count(key, kept, -1)
    }
    this.#kept.delete(key)
  }

  /** Drops everything. */
  clear(): void {
    for (const key of this.#kept.keys()) this.forget(key)
  }

  #drop(key: string, kept: Kept): void {
    const of = this.#kept.get(key) ?? []
    const at = of.indexOf(kept)
    if (at === -1) return
    kept.changed = true
    of.splice(at, 1)
    if (of.length === 0) this.#kept.delete(key)
    this.#count(key, kept, -1)
  }

  #count(key: string, { row }: Kept, sign: 1 | -1): void {
    this.#rows += sign
    this.#bytes += sign * (entryBytes + key.length + (row?.length ?? 0))
  }
}

const mebibyte = 1024 * 1024

/** The name of an entity in a cache, by its key or by that of its hash. */
const nameOf = (key: Buffer): string => key.toString('latin1')
export const nameOfKey = (key: Uint8Array): string => nameOf(Buffer.from(key.buffer, key.byteOffset, key.byteLength))
export const nameOfHash = (hash: Buffer, project: string): string => nameOf(keyOf(hash, project))

interface Missing {
  readonly key: string
  readonly kept: Kept | undefined
  readonly found: (Uint8Array | null)[]
  readonly at: number
}

/** Reads what is kept at once, and the rest from the store. A call that wants fresh rows is answered by the store alone. */
export function nearReads(
  read: OnlineStore['read'],
  { cache, servers, project }: { readonly cache: NearCache; readonly servers: Servers; readonly project: string },
): OnlineStore['read'] {
  return (requests, call) => {
    const topology = servers.known
    if (call?.fresh === true || topology === undefined) return read(requests, call)
    const nowMs = performance.now()
    const missing: Missing[] = []
    const lookUps: LookUp[] = []
    const answers = requests.map(({ space, keys }) => {
      const field = fieldOf(space)
      const found: (Uint8Array | null)[] = []
      const absent: Uint8Array[] = []
      for (const [at, key] of itemsOf(keys).entries()) {
        found.push(null)
        if (key === null) continue
        const name = nameOf(key)
        const row = cache.find(name, field, nowMs)
        if (row === undefined) {
          const tracker = topology.groups[topology.groupOf(entityKey(project, key))]?.node.tracker
          missing.push({ key: name, kept: cache.expect(name, field, tracker, nowMs), found, at })
          absent.push(key)
        } else found[at] = row
      }
      if (absent.length > 0) lookUps.push({ space, keys: byteList(absent) })
      return found
    })
    if (missing.length === 0) return answers.map(byteList)
    return filled(cache, missing, async () => read(lookUps, call)).then(() => answers.map(byteList))
  }
}

/** Reads what is missing, in the order of its look-ups, and keeps it. */
async function filled(
  cache: NearCache,
  missing: readonly Missing[],
  read: () => Promise<Awaited<ReturnType<OnlineStore['read']>>>,
): Promise<void> {
  const fill = (rows: readonly (Uint8Array | null)[] | null): void => {
    for (const [i, { key, kept }] of missing.entries())
      if (kept !== undefined) cache.fill(key, kept, rows === null ? null : { row: rows[i] ?? null })
  }
  try {
    const rows = (await read()).flatMap(itemsOf)
    fill(rows)
    for (const [i, { found, at }] of missing.entries()) found[at] = rows[i] ?? null
  } catch (thrown) {
    fill(null)
    throw thrown
  }
}
