/** Limits of the client, with their reasons. Times are in milliseconds. */
export const clientLimits = Object.freeze({
  /** How long a connection may take to be made: a host that is not there says nothing. */
  connectMs: 10_000,
  /** The deadline of online reads that bring none: that of the server. */
  onlineMs: 250,
  /** The deadline of all other calls that bring none: that of the server. */
  otherMs: 30_000,
  /** What a call without a deadline of its own may take beyond the server's: connecting, and the way there and back. */
  graceMs: 2_000,
  /** The longest deadline that a server takes. */
  longestMs: 86_400_000,
  /** Tries of a call after the first. */
  retries: 2,
  /** The longest waits before the first and second of them; how long it is, is thrown with dice. */
  backoffMs: 100,
  longestBackoffMs: 2_000,
  /** How many calls pay for one more try: a server in trouble must not get twice the traffic. */
  callsPerRetry: 10,
  /** Tries that are free: a process that calls once may try again. */
  freeRetries: 10,
  /** How long an idle connection is kept; a server's own hint to close it sooner counts. */
  idleMs: 60_000,
  /** Connections at once; more calls wait for one. */
  connections: 256,
  /** Bytes of an answer that is read as a whole. */
  answerBytes: 256 * 1024 * 1024,
  /** Bytes of headers of an answer. */
  headerBytes: 64 * 1024,
  /** Characters of one line of a streamed table: a server splits longer ones, but for single rows. */
  lineChars: 256 * 1024 * 1024,
  /** Between two looks at a run: short at first, for runs that are. */
  firstPollMs: 20,
  longestPollMs: 1_000,
  /** How long a server may be away while its runs are waited for: as long as a restart takes. */
  pollPatienceMs: 30_000,
  /** How long an aborted call may take to tell the server that its runs are not wanted. */
  cancelMs: 2_000,
})
