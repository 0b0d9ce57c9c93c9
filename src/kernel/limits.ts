/** Every limit that a user can meet, with its reason. */
export const limits = Object.freeze({
  /** Characters of a name: fits any engine's identifier limit (PostgreSQL: 63 bytes). */
  nameChars: 63,
  /** Bytes of the join keys of one entity: leaves room in an LMDB key (1978 bytes). */
  keyBytes: 1024,
  /** Bytes of one string or bytes value. */
  stringBytes: 1024 * 1024,
  /** Elements of a list or vector. */
  listElements: 65_536,
  /** How far ahead of the clock an event or created time may lie, in microseconds: clocks differ, units get mixed up. */
  aheadUs: 300_000_000n,
  /** Entities or rows in one call. */
  batchRows: 10_000,
  /** Bytes of a JSON body. */
  jsonBodyBytes: 16 * 1024 * 1024,
  /** Levels of a JSON body. */
  jsonDepth: 32,
  /** Levels of data that is kept or written: what is deeper is a cycle, or nothing that a body could have brought. */
  dataDepth: 128,
  /** Bytes of a streamed spine. */
  spineBytes: 1024 * 1024 * 1024,
  /** Files of one source: each is one record in the run log. */
  sourceFiles: 20_000,
  /** How long an idempotency key is remembered, in microseconds. */
  idempotencyUs: 86_400_000_000n,
})
