/** How far the store's clock may be past the instant that a write carries, in microseconds: what the waits around a switch allow for. */
const lateWriteUs = 1_000_000n

/** Whether a write that carries the instant `at` comes too late: whoever made it has to look at the clock again. */
export const isStale = (at: bigint, now: bigint): boolean => now > at + lateWriteUs
