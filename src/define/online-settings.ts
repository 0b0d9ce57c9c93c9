/** What may be set of an online store in a Redis. Each is off, or the engine's own way, unless it is set. */
export interface OnlineSettings {
  /** The file, absolute, with the certificates of those who sign servers' for rediss://; the system's own unless set. */
  readonly ca?: string
  /** A push is answered when so many replicas of each primary have its rows, and refused where they have not within that time. */
  readonly wait?: { readonly replicas: number; readonly timeoutMs: number }
  /** Rows are kept in the process for at most this long, and at most so many. */
  readonly nearCache?: NearCacheSettings
}

export interface NearCacheSettings {
  readonly maxAgeMs: number
  readonly entries: number
  readonly megabytes: number
}

/** One number of these settings: its range, and what it is unless set. */
interface NumberRow {
  readonly least: number
  readonly most: number
  readonly usual: number
  readonly says: string
}

const row = (usual: number, [least, most]: readonly [number, number], says: string): NumberRow =>
  Object.freeze({ usual, least, most, says })

/** The numbers of `online.wait` and `online.nearCache`. The grammar, the overrides and the defaults are made from it. */
export const onlineNumbers = Object.freeze({
  wait: Object.freeze({
    replicas: row(1, [1, 16], 'How many replicas of each primary must have the rows of a push before it is answered'),
    timeoutMs: row(
      100,
      [1, 2_000],
      'How long they are waited for, in milliseconds; then the push fails, and loses nothing',
    ),
  }),
  nearCache: Object.freeze({
    maxAgeMs: row(1_000, [1, 3_600_000], 'How old an answer may be, at most, in milliseconds'),
    entries: row(100_000, [1, 10_000_000], 'Rows that are kept'),
    megabytes: row(64, [1, 65_536], 'Mebibytes that they may take'),
  }),
})

export type OnlineGroup = keyof typeof onlineNumbers
export const onlineGroups = Object.freeze(Object.keys(onlineNumbers) as OnlineGroup[])

/** The numbers of a group by name. */
export const numbersOf = (group: OnlineGroup): Readonly<Record<string, NumberRow>> => onlineNumbers[group]
