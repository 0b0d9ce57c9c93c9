/** Limits of the server that nobody has to set, with their reasons; those that an operator may set are `server.limits`. Times are in milliseconds. */
export const serverLimits = Object.freeze({
  /** How long the headers of a request may take: a client that sends them drop by drop holds a connection. */
  headersMs: 5_000,
  /** How long a body that is refused is still read, so that its sender gets to the answer. */
  lingerMs: 2_000,
  /** How long an idle connection is kept: longer than balancers keep theirs (60 s), so that they are first to close. */
  keepAliveMs: 72_000,
  /** How often connections are looked at for slow headers. */
  connectionsCheckMs: 1_000,
  /** How long requests under way may take once the server closes. */
  drainMs: 20_000,
  /** Characters of one segment of a path: a reference with an alias and its keys is long. */
  segmentChars: 4_096,
  /** Characters of notes that stand in a header. */
  notesChars: 4_096,
  /** Seconds after which a client may try again. */
  retryAfterSeconds: 1,
  /** The longest wait between two rounds of background work that goes wrong. */
  backoffMs: 60_000,
})
