/** Limits of a push log in files. */
export interface LogLimits {
  /** A segment that has grown to this is sealed. */
  readonly segmentBytes: number
  /** Maintenance seals a smaller segment when it has grown to this, */
  readonly sealBytes: number
  /** or when its first record is this old. */
  readonly sealAfterMs: number
  /** Bytes of appends that share one frame; a single append may be larger. */
  readonly groupBytes: number
  /** Bytes of one append: what a reader must hold in memory at once. */
  readonly appendBytes: number
  /** Replaced files live this long: DuckDB opens the files of a running query late. */
  readonly keepReplacedMs: number
  /** Row files of one target are merged when there are this many next to one another, */
  readonly mergeFiles: number
  /** none of them larger than this. */
  readonly mergeBytes: number
}

export const logLimits: LogLimits = Object.freeze({
  segmentBytes: 64 * 1024 * 1024,
  sealBytes: 4 * 1024 * 1024,
  sealAfterMs: 15 * 60_000,
  groupBytes: 4 * 1024 * 1024,
  appendBytes: 256 * 1024 * 1024,
  keepReplacedMs: 60 * 60_000,
  mergeFiles: 8,
  mergeBytes: 64 * 1024 * 1024,
})
