/** Where the domain's time comes from: instants in int64 microseconds UTC. Leases and timeouts use the machine's own clock. */
export interface Clock {
  /** Now, in microseconds since 1970-01-01T00:00:00Z. */
  now(): bigint
}

let originMs = performance.timeOrigin
let comparedAtMs = 0

/**
 * The machine's clock. `Date.now()` has only milliseconds; the monotonic clock gives the rest, and is
 * aligned anew when the two differ by more than 2 ms (somebody set the machine's clock): they are compared once a millisecond.
 */
export const systemClock: Clock = Object.freeze({
  now: (): bigint => {
    const monotonicMs = performance.now()
    if (monotonicMs - comparedAtMs >= 1) {
      comparedAtMs = monotonicMs
      const wallMs = Date.now()
      if (Math.abs(originMs + monotonicMs - wallMs) > 2) originMs = wallMs - monotonicMs
    }
    return BigInt(Math.floor((originMs + monotonicMs) * 1000))
  },
})

/** A clock that stands still until it is set; for demos, tests and replays. */
export function manualClock(startAt: bigint): Clock & { set(instant: bigint): void } {
  let at = startAt
  return {
    now: () => at,
    set: (instant) => {
      at = instant
    },
  }
}
