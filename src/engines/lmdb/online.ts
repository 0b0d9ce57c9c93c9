import type { Database } from 'lmdb'
import type { Call } from '../../kernel/call.ts'
import type { OnlineMarks } from '../../ports/marks.ts'
import type { KeyedRow, OnlineStore, SweepRule, WriteOutcome } from '../../ports/online.ts'
import { readHeader, replaces } from '../../codecs/packed-row.ts'
import { checkCall } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { longestKeyBytes } from '../../ports/online.ts'
import { Environment, type Step } from './environment.ts'
import { lmdbMarks } from './marks.ts'
import { afterPrefix, prefixOf } from './space-key.ts'

/** Rows looked at between two looks at the clock. */
const clockRows = 32
/** Rows sorted, or scanned, at once: both take well below a slice. */
const sliceRows = 2000

/**
 * Opens the online store in a folder on a local file system, with its cursors and stamps; several processes may.
 * The folder is made if missing. A store may be replaced under running processes by replacing the folder.
 * @throws CORRUPT_STORE, STORE_UNREACHABLE, STORE_FULL.
 */
export async function openLmdbOnline(folder: string): Promise<OnlineStore & OnlineMarks> {
  const environment = await Environment.open(folder)
  let closed = false
  const enter = (call: Call | undefined): Environment => {
    if (closed) throw fail('CLOSED', 'The online store is closed')
    checkCall(call)
    return environment
  }
  return {
    async read(requests, call) {
      return enter(call).read(false, ({ rows }) =>
        requests.map(({ space, keys }) => {
          const find = finder(rows, prefixOf(space))
          const found: (Uint8Array | null)[] = []
          for (const key of keys) found.push(find(key))
          return found
        }),
      )
    },
    async write(space, rows, call) {
      enter(call)
      for (const { key } of rows) if (key.length > longestKeyBytes) throw fail('KEY_TOO_LONG', `An entity key of ${space.view} has ${key.length} bytes`)
      return rows.length === 0 ? [] : environment.write(call, () => writing(prefixOf(space), rows))
    },
    async sweep(space, rule, after, call) {
      return sweep(enter(call), { prefix: prefixOf(space), rule, after }, call)
    },
    async drop(space, call) {
      const prefix = prefixOf(space)
      await enter(call).write(call, () => ({ marks }) => {
        void marks.remove(prefix)
        return { done: undefined }
      })
      while ((await free(environment, { prefix, keys: await environment.read(true, ({ rows }) => keysOf(rows, prefix)) }, call)) > 0) checkCall(call)
    },
    async schemas(entries, call) {
      return schemas(enter(call), entries, call)
    },
    ...lmdbMarks(enter),
    async [Symbol.asyncDispose]() {
      if (closed) return
      closed = true
      await environment.close()
    },
  }
}

/** Looks rows up under a prefix; lmdb's own buffer is used again by the next look-up, so the row is copied. */
function finder(rows: Database<Buffer, Uint8Array>, prefix: Buffer): (key: Uint8Array) => Uint8Array | null {
  const scratch = new Uint8Array(prefix.length + longestKeyBytes)
  scratch.set(prefix)
  return (key) => {
    if (key.length > longestKeyBytes) return null
    scratch.set(key, prefix.length)
    const found = rows.getBinaryFast(scratch.subarray(0, prefix.length + key.length))
    return found === undefined ? null : copyOf(found, sizeOf(rows))
  }
}

/** The size of the value found last; the buffer itself is longer. */
const sizeOf = (rows: Database<Buffer, Uint8Array> & { lastSize?: number }): number => rows.lastSize ?? 0

/** Copying into Node's pool costs a tenth of `slice`. */
function copyOf(found: Uint8Array, size: number): Uint8Array {
  const copy = Buffer.allocUnsafe(size)
  if (found instanceof Buffer) found.copy(copy, 0, 0, size)
  else copy.set(found.subarray(0, size))
  return copy
}

/** Compares and puts, in the order of keys within each part: neighbours share pages. */
function writing(prefix: Buffer, rows: readonly KeyedRow[]): Step<WriteOutcome[]> {
  const outcomes: WriteOutcome[] = []
  let from = 0
  let part: { readonly key: Buffer; readonly row: Uint8Array; readonly index: number }[] = []
  let next = 0
  return ({ rows: stored }, untilMs) => {
    for (;;) {
      if (next === part.length) {
        if (from >= rows.length) return { done: outcomes }
        const offset = from
        part = rows.slice(from, from + sliceRows).map(({ key, row }, i) => ({ key: Buffer.concat([prefix, key]), row, index: offset + i }))
        part.sort((a, b) => Buffer.compare(a.key, b.key) || a.index - b.index)
        from += part.length
        next = 0
      }
      for (let n = 0; n < clockRows && next < part.length; n++, next++) {
        const write = part[next]
        if (write === undefined) break
        const old = stored.getBinaryFast(write.key)
        const wins = old === undefined || replaces(write.row, old.subarray(0, sizeOf(stored)))
        if (wins) void stored.put(write.key, Buffer.from(write.row.buffer, write.row.byteOffset, write.row.byteLength))
        outcomes[write.index] = wins ? 'applied' : 'superseded'
      }
      if (performance.now() >= untilMs && (next < part.length || from < rows.length)) return undefined
    }
  }
}

interface Sweeping {
  readonly prefix: Buffer
  readonly rule: SweepRule
  readonly after: Uint8Array | undefined
}

/** Scans without the lock, then looks again at each row that is due under it. */
async function sweep(environment: Environment, { prefix, rule, after }: Sweeping, call: Call | undefined): Promise<{ freed: number; next: Uint8Array | null }> {
  const start = after === undefined ? prefix : Buffer.concat([prefix, after])
  const { due, last } = await environment.read(true, ({ rows }) => {
    const keys: Uint8Array[] = []
    let seen = 0
    let end: Uint8Array | null = null
    for (const { key, value } of rows.getRange({ start, end: afterPrefix(prefix), exclusiveStart: after !== undefined, limit: sliceRows })) {
      seen++
      end = key
      if (isDue(value, rule)) keys.push(key)
    }
    return { due: keys, last: seen === sliceRows ? end : null }
  })
  const freed = await free(environment, { prefix, keys: due, rule }, call)
  return { freed, next: last === null ? null : last.slice(prefix.length) }
}

function isDue(row: Uint8Array, rule: SweepRule): boolean {
  const header = readHeader(row)
  return header.order.event < rule.eventBefore && header.revision <= rule.revisionUpTo && (rule.tombstones || !header.tombstone)
}

function keysOf(rows: Database<Buffer, Uint8Array>, prefix: Buffer): Uint8Array[] {
  return [...rows.getKeys({ start: prefix, end: afterPrefix(prefix), limit: sliceRows })]
}

/** Removes rows by their whole keys; those for which the rule still holds, if there is one. */
async function free(environment: Environment, { keys, rule }: { readonly prefix: Buffer; readonly keys: readonly Uint8Array[]; readonly rule?: SweepRule }, call: Call | undefined): Promise<number> {
  if (keys.length === 0) return 0
  return environment.write(call, () => {
    let next = 0
    let freed = 0
    return ({ rows }, untilMs) => {
      while (next < keys.length) {
        const key = keys[next++]
        const row = key === undefined ? undefined : rows.getBinaryFast(key)
        if (key !== undefined && row !== undefined && (rule === undefined || isDue(row.subarray(0, sizeOf(rows)), rule))) {
          void rows.remove(key)
          freed++
        }
        if (next % clockRows === 0 && performance.now() >= untilMs && next < keys.length) return undefined
      }
      return { done: freed }
    }
  })
}

type SchemaEntries = readonly { readonly fingerprint: number; readonly text?: string }[]

/** Kept schemas never change, so only those that are missing need a transaction. */
async function schemas(environment: Environment, entries: SchemaEntries, call: Call | undefined): Promise<(string | null)[]> {
  const find = (kept: Database<Buffer, Uint8Array>, fingerprint: number): string | null => kept.getBinary(fingerprintKey(fingerprint))?.toString() ?? null
  const found = await environment.read(true, (databases) => entries.map(({ fingerprint }) => find(databases.schemas, fingerprint)))
  if (entries.every(({ text }, i) => text === undefined || found[i] !== null)) return found
  return environment.write(call, () => (databases) => ({
    done: entries.map(({ fingerprint, text }) => {
      const kept = find(databases.schemas, fingerprint)
      if (kept === null && text !== undefined) void databases.schemas.put(fingerprintKey(fingerprint), Buffer.from(text))
      return kept ?? text ?? null
    }),
  }))
}

function fingerprintKey(fingerprint: number): Buffer {
  const key = Buffer.alloc(4)
  key.writeUInt32BE(fingerprint)
  return key
}
