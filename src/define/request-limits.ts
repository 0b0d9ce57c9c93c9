import { limits } from '../kernel/limits.ts'

/** One setting of `server.limits`: its range, what it is unless set, and what it limits. */
export interface LimitRow {
  readonly least: number
  readonly most: number
  /** null: by the machine. */
  readonly usual: number | null
  readonly says: string
}

const dayMs = 86_400_000
const mebibyte = 1024 * 1024

const row = (usual: number | null, [least, most]: readonly [number, number], says: string): LimitRow =>
  Object.freeze({ least, most, usual, says })

/** Every limit of the HTTP server that its operator may set. The grammar, the overrides and the defaults are made from it. */
export const requestLimitTable = Object.freeze({
  // V8 has no text of more than 512 Mi characters.
  jsonBodyBytes: row(limits.jsonBodyBytes, [1024, 256 * mebibyte], 'Bytes of a JSON or YAML body'),
  jsonDepth: row(limits.jsonDepth, [4, limits.dataDepth / 2], 'Levels of a JSON body'),
  spineBytes: row(limits.spineBytes, [1024, 2 ** 40], 'Bytes of a streamed spine'),
  batchRows: row(limits.batchRows, [1, 1_000_000], 'Entities, or pushed rows, of one call'),
  jsonTableChars: row(64 * mebibyte, [1024, 256 * mebibyte], 'Characters of a table that is answered as JSON'),
  historicalReads: row(
    null,
    [1, 1024],
    'Historical reads at once in one process; usually its share of the cores, at least 2',
  ),
  historicalWaiting: row(32, [0, 10_000], 'Historical reads that may wait for their turn in one process'),
  onlineTimeoutMs: row(250, [1, dayMs], 'The deadline of an online read that brings none, in milliseconds'),
  otherTimeoutMs: row(30_000, [1, dayMs], 'The deadline of any other request that brings none, in milliseconds'),
  longestTimeoutMs: row(dayMs, [1, dayMs], 'The longest deadline that a request may bring, in milliseconds'),
  bodyMs: row(10_000, [100, dayMs], 'How long a JSON or YAML body may take to arrive, in milliseconds'),
  uploadIdleMs: row(10_000, [100, dayMs], 'How long a streamed spine may stand still, in milliseconds'),
  downloadIdleMs: row(60_000, [100, dayMs], 'How long a streamed answer may wait for its reader, in milliseconds'),
})

export type LimitName = keyof typeof requestLimitTable

/** The limits of a server, all of them set. */
export type RequestLimits = Readonly<Record<LimitName, number>>

export const limitNames = Object.freeze(Object.keys(requestLimitTable) as LimitName[])

/** A query has threads of its own, but one that waits for its files should not keep all others waiting. */
const leastReads = 2

/** The limits that are given, and the usual ones for the rest, on a machine of so many cores. */
export function requestLimitsOf(given: Partial<RequestLimits> = {}, cores = leastReads): RequestLimits {
  const reads = Math.max(leastReads, cores)
  const entries = limitNames.map((name) => [name, given[name] ?? requestLimitTable[name].usual ?? reads] as const)
  return Object.freeze(Object.fromEntries(entries) as Record<LimitName, number>)
}

/** A limit as it stands in the text of an error: its value and the setting. */
export const toldLimit = (allowed: RequestLimits, name: LimitName): string => `${allowed[name]} (server.limits.${name})`
