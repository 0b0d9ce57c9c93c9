import type { Call } from '../../kernel/call.ts'
import type { Marks, OnlineMarks, Stamp } from '../../ports/marks.ts'
import type { KeyedRow, OnlineStore, Space, SweepRule, WriteOutcome } from '../../ports/online.ts'
import { isTombstone, readHeader, replaces, rowEvent } from '../../codecs/packed-row.ts'
import { checkCall } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { longestKeyBytes } from '../../ports/online.ts'
import { byteList, itemsOf } from '../../values/byte-list.ts'

/** What an online store holds, frozen at one instant. */
export interface OnlineImage {
  readonly incarnation: string
  readonly spaces: ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>
  readonly marks: ReadonlyMap<string, Marked>
  readonly schemas: ReadonlyMap<number, string>
}

interface Marked {
  readonly cursor: bigint | null
  readonly stamp: Stamp | null
  readonly newestEvent: bigint | null
}

const noMarks: Marked = Object.freeze({ cursor: null, stamp: null, newestEvent: null })

/** One online store in memory; what several processes open. It outlives the handles on it. */
export interface MemoryOnline {
  /** A handle, as a process would hold it. */
  open(): OnlineStore & OnlineMarks
  /** A copy of all that is stored: a backup. */
  snapshot(): OnlineImage
  /** Puts a backup in place of what is stored (absent: an empty store), under the open handles. It is another incarnation, unless one is named. */
  restore(image?: OnlineImage, incarnation?: string): void
}

/** Rows examined by one call of `sweep`. */
const sweepRows = 1000

interface State {
  incarnation: string
  spaces: Map<string, Map<string, Uint8Array>>
  marks: Map<string, Marked>
  schemas: Map<number, string>
}

/**
 * The online store's executable specification: everything in one process's memory, nothing survives it.
 * Each call takes effect at once and as a whole.
 */
export function memoryOnline(): MemoryOnline {
  let restores = 0
  const state: State = { incarnation: 'memory-0', spaces: new Map(), marks: new Map(), schemas: new Map() }
  return {
    open: () => handle(state),
    snapshot: () => ({
      incarnation: state.incarnation,
      spaces: copy(state.spaces),
      marks: new Map(state.marks),
      schemas: new Map(state.schemas),
    }),
    restore: (image, incarnation) => {
      restores++
      state.incarnation = incarnation ?? `memory-${restores}`
      state.spaces = copy(image?.spaces ?? new Map())
      state.marks = new Map(image?.marks)
      state.schemas = new Map(image?.schemas)
    },
  }
}

function handle(state: State): OnlineStore & OnlineMarks {
  let closed = false
  const enter = (call: Call | undefined): void => {
    if (closed) throw fail('CLOSED', 'The online store is closed')
    checkCall(call)
  }
  return {
    async read(requests, call) {
      enter(call)
      return requests.map(({ space, keys }) => {
        const rows = state.spaces.get(nameOf(space))
        return byteList(itemsOf(keys).map((key) => (key === null ? null : (rows?.get(textOf(key)) ?? null))))
      })
    },
    async write(space, rows, call) {
      enter(call)
      return writeRows(state, space, rows)
    },
    async sweep(space, rule, after, call) {
      enter(call)
      return sweepSpace(state, space, rule, after)
    },
    async drop(space, call) {
      enter(call)
      state.marks.delete(nameOf(space))
      state.spaces.delete(nameOf(space))
    },
    async schemas(entries, call) {
      enter(call)
      return entries.map(({ fingerprint, text }) => {
        const kept = state.schemas.get(fingerprint)
        if (kept === undefined && text !== undefined) state.schemas.set(fingerprint, text)
        return kept ?? text ?? null
      })
    },
    ...marksOf(state, enter),
    async [Symbol.asyncDispose]() {
      closed = true
    },
  }
}

function marksOf(state: State, enter: (call: Call | undefined) => void): OnlineMarks {
  const marksAt = (space: Space): Marked => state.marks.get(nameOf(space)) ?? noMarks
  return {
    async readMarks(spaces, call) {
      enter(call)
      return spaces.map((space): Marks => {
        const { cursor, stamp, newestEvent } = marksAt(space)
        const rows = [...(state.spaces.get(nameOf(space))?.values() ?? [])].filter((row) => !isTombstone(row)).length
        return { incarnation: state.incarnation, cursor, stamp, held: { rows, newestEvent } }
      })
    },
    async birth(space, cursor, call) {
      enter(call)
      const marks = marksAt(space)
      if (marks.stamp === null)
        state.marks.set(nameOf(space), { ...marks, cursor, stamp: { attempt: 0n, state: 'done' } })
    },
    async moveCursor(space, to, incarnation, call) {
      enter(call)
      const marks = marksAt(space)
      if (incarnation !== state.incarnation || (marks.cursor !== null && to < marks.cursor)) return false
      state.marks.set(nameOf(space), { ...marks, cursor: to })
      return true
    },
    async swapStamp(space, { from, to, incarnation }, call) {
      enter(call)
      const marks = marksAt(space)
      if (
        incarnation !== state.incarnation ||
        marks.stamp?.attempt !== from?.attempt ||
        marks.stamp?.state !== from?.state
      )
        return false
      state.marks.set(nameOf(space), { ...marks, stamp: { attempt: to.attempt, state: to.state } })
      return true
    },
  }
}

function writeRows(state: State, space: Space, rows: readonly KeyedRow[]): WriteOutcome[] {
  for (const { key } of rows)
    if (key.length > longestKeyBytes)
      throw fail('KEY_TOO_LONG', `An entity key of ${space.view} has ${key.length} bytes`)
  const name = nameOf(space)
  const stored = state.spaces.get(name) ?? new Map<string, Uint8Array>()
  state.spaces.set(name, stored)
  const marks = state.marks.get(name) ?? noMarks
  const events = rows.filter(({ row }) => !isTombstone(row)).map(({ row }) => rowEvent(row))
  const newestEvent = [marks.newestEvent, ...events].reduce((a, b) => (a === null || (b !== null && b > a) ? b : a))
  state.marks.set(name, { ...marks, newestEvent })
  return rows.map(({ key, row }) => {
    const text = textOf(key)
    const old = stored.get(text)
    if (old !== undefined && !replaces(row, old)) return 'superseded'
    stored.set(text, new Uint8Array(row))
    return 'applied'
  })
}

function sweepSpace(
  state: State,
  space: Space,
  rule: SweepRule,
  after: Uint8Array | undefined,
): { freed: number; next: Uint8Array | null } {
  const rows = state.spaces.get(nameOf(space)) ?? new Map<string, Uint8Array>()
  const from = after === undefined ? undefined : textOf(after)
  const keys = [...rows.keys()].filter((key) => from === undefined || key > from).sort()
  const slice = keys.slice(0, sweepRows)
  let freed = 0
  for (const key of slice) {
    const row = rows.get(key)
    if (row !== undefined && isFreed(row, rule)) {
      rows.delete(key)
      freed++
    }
  }
  const last = slice.at(-1)
  return { freed, next: keys.length > slice.length && last !== undefined ? Buffer.from(last, 'latin1') : null }
}

function isFreed(row: Uint8Array, rule: SweepRule): boolean {
  const header = readHeader(row)
  return (
    header.order.event < rule.eventBefore &&
    header.revision <= rule.revisionUpTo &&
    (rule.tombstones || !header.tombstone)
  )
}

/** Digits, then a colon, then whatever the view is called: no two spaces share it. */
const nameOf = (space: Space): string => `${space.generation}:${space.view}`

/** Latin-1 keeps the order of bytes. */
const textOf = (key: Uint8Array): string => Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')

const copy = (spaces: ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>): Map<string, Map<string, Uint8Array>> =>
  new Map([...spaces].map(([name, rows]) => [name, new Map(rows)]))
