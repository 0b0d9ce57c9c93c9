import type { Database } from 'lmdb'
import type { Call } from '../../kernel/call.ts'
import type { OnlineMarks } from '../../ports/marks.ts'
import type { KeyedRow, OnlineStore, SweepRule, WriteOutcome } from '../../ports/online.ts'
import { readHeader, replaces } from '../../codecs/packed-row.ts'
import { checkCall } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { longestKeyBytes } from '../../ports/online.ts'
import type { Databases } from './databases.ts'
import { Environment, type Step } from './environment.ts'
import { lookUp } from './look-up.ts'
import { type Tally, lmdbMarks, tally } from './marks.ts'
import { afterPrefix, prefixOf } from './space-key.ts'

/** Rows looked at between two looks at the clock. */
const clockRows = 32
/** Rows scanned at once. */
const sliceRows = 2000
/** Rows sorted at once, in the event loop. */
const sortedRows = 10_000

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
    read(requests, call) {
      return enter(call).readHot(({ rows }) => requests.map(({ space, keys }) => lookUp(rows, prefixOf(space), keys)))
    },
    async write(space, rows, call) {
      enter(call)
      for (const { key } of rows)
        if (key.length > longestKeyBytes)
          throw fail('KEY_TOO_LONG', `An entity key of ${space.view} has ${key.length} bytes`)
      const outcomes: WriteOutcome[] = []
      for (let i = 0; i < rows.length; i += sortedRows) {
        const prefix = prefixOf(space)
        const entries = sorted(prefix, rows.slice(i, i + sortedRows))
        for (const outcome of await environment.write(call, () => writing(prefix, entries))) outcomes.push(outcome)
      }
      return outcomes
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
      while (
        (await free(environment, { prefix, keys: await environment.read(({ rows }) => keysOf(rows, prefix)) }, call)) >
        0
      )
        checkCall(call)
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

/** The size of the value found last; the buffer itself is longer. */
const sizeOf = (rows: Database<Buffer, Uint8Array> & { lastSize?: number }): number => rows.lastSize ?? 0

interface Entry {
  readonly key: Buffer
  readonly row: Buffer
  readonly index: number
}

/** Whole keys in their order, since neighbours share pages and a commit writes each page that it touched. Often they come in it. */
function sorted(prefix: Buffer, rows: readonly KeyedRow[]): readonly Entry[] {
  const room = Buffer.allocUnsafeSlow(rows.reduce((sum, { key }) => sum + prefix.length + key.length, 0))
  let end = 0
  let inOrder = true
  const entries: Entry[] = []
  for (const [index, { key, row }] of rows.entries()) {
    const start = end
    end = start + prefix.length + key.length
    prefix.copy(room, start)
    room.set(key, start + prefix.length)
    const whole = room.subarray(start, end)
    inOrder &&= (entries[index - 1]?.key.compare(whole) ?? -1) <= 0
    entries.push({ key: whole, row: bufferOf(row), index })
  }
  if (inOrder) return entries
  // Latin-1 text compares as its bytes do, in half the time.
  const texts = entries.map(({ key }) => key.toString('latin1'))
  return entries.sort((a, b) => {
    const [p, q] = [texts[a.index] ?? '', texts[b.index] ?? '']
    return p < q ? -1 : p > q ? 1 : a.index - b.index
  })
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Compares and puts. */
function writing(prefix: Buffer, entries: readonly Entry[]): Step<WriteOutcome[]> {
  const outcomes: WriteOutcome[] = []
  let next = 0
  return tallied(prefix, ({ rows }, untilMs, counts) => {
    while (next < entries.length) {
      const entry = entries[next++]
      if (entry === undefined) break
      const old = rows.getBinaryFast(entry.key)?.subarray(0, sizeOf(rows))
      const wins = old === undefined || replaces(entry.row, old)
      // The very same row, as a catch-up brings it: a transaction in which nothing is put costs no disk.
      const stored = wins && (old === undefined || !entry.row.equals(old))
      counts.wrote(entry.row, old, stored)
      if (stored) void rows.put(entry.key, entry.row)
      outcomes[entry.index] = wins ? 'applied' : 'superseded'
      if (next % clockRows === 0 && next < entries.length && performance.now() >= untilMs) return undefined
    }
    return { done: outcomes }
  })
}

/** A step whose writes are counted in the transaction that makes them; also those before something was thrown, which stay. */
function tallied<T>(
  prefix: Buffer,
  step: (databases: Databases, untilMs: number, counts: Tally) => ReturnType<Step<T>>,
): Step<T> {
  return (databases, untilMs) => {
    const counts = tally(databases, prefix)
    try {
      return step(databases, untilMs, counts)
    } finally {
      counts.keep()
    }
  }
}

interface Sweeping {
  readonly prefix: Buffer
  readonly rule: SweepRule
  readonly after: Uint8Array | undefined
}

/** Scans without the lock, then looks again at each row that is due under it. */
async function sweep(
  environment: Environment,
  { prefix, rule, after }: Sweeping,
  call: Call | undefined,
): Promise<{ freed: number; next: Uint8Array | null }> {
  const start = after === undefined ? prefix : Buffer.concat([prefix, after])
  const { due, last } = await environment.read(({ rows }) => {
    const keys: Uint8Array[] = []
    let seen = 0
    let end: Uint8Array | null = null
    for (const { key, value } of rows.getRange({
      start,
      end: afterPrefix(prefix),
      exclusiveStart: after !== undefined,
      limit: sliceRows,
    })) {
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
  return (
    header.order.event < rule.eventBefore &&
    header.revision <= rule.revisionUpTo &&
    (rule.tombstones || !header.tombstone)
  )
}

function keysOf(rows: Database<Buffer, Uint8Array>, prefix: Buffer): Uint8Array[] {
  return [...rows.getKeys({ start: prefix, end: afterPrefix(prefix), limit: sliceRows })]
}

/** Removes rows by their whole keys; those for which the rule still holds, if there is one. */
async function free(
  environment: Environment,
  { prefix, keys, rule }: { readonly prefix: Buffer; readonly keys: readonly Uint8Array[]; readonly rule?: SweepRule },
  call: Call | undefined,
): Promise<number> {
  if (keys.length === 0) return 0
  return environment.write(call, () => {
    let next = 0
    let freed = 0
    return tallied(prefix, ({ rows }, untilMs, counts) => {
      while (next < keys.length) {
        const key = keys[next++]
        const row = key === undefined ? undefined : rows.getBinaryFast(key)?.subarray(0, sizeOf(rows))
        if (key !== undefined && row !== undefined && (rule === undefined || isDue(row, rule))) {
          counts.freed(row)
          void rows.remove(key)
          freed++
        }
        if (next % clockRows === 0 && performance.now() >= untilMs && next < keys.length) return undefined
      }
      return { done: freed }
    })
  })
}

type SchemaEntries = readonly { readonly fingerprint: number; readonly text?: string }[]

/** Kept schemas never change, so only those that are missing need a transaction. */
async function schemas(
  environment: Environment,
  entries: SchemaEntries,
  call: Call | undefined,
): Promise<(string | null)[]> {
  const find = (kept: Database<Buffer, Uint8Array>, fingerprint: number): string | null =>
    kept.getBinary(fingerprintKey(fingerprint))?.toString() ?? null
  const found = await environment.read((databases) =>
    entries.map(({ fingerprint }) => find(databases.schemas, fingerprint)),
  )
  if (entries.every(({ text }, i) => text === undefined || found[i] !== null)) return found
  return environment.write(call, () => (databases) => ({
    done: entries.map(({ fingerprint, text }) => {
      const kept = find(databases.schemas, fingerprint)
      if (kept === null && text !== undefined)
        void databases.schemas.put(fingerprintKey(fingerprint), Buffer.from(text))
      return kept ?? text ?? null
    }),
  }))
}

function fingerprintKey(fingerprint: number): Buffer {
  const key = Buffer.alloc(4)
  key.writeUInt32BE(fingerprint)
  return key
}
