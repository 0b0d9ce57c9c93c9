/** Where the domain's time comes from: instants in int64 microseconds UTC. Leases and timeouts use the machine's own clock. */
export interface Clock {
  /** Now, in microseconds since 1970-01-01T00:00:00Z. */
  now(): bigint
}

let originMs = performance.timeOrigin

/**
 * The machine's clock. `Date.now()` has only milliseconds; the monotonic clock gives the rest, and is
 * aligned anew when the two differ by more than 2 ms (somebody set the machine's clock).
 */
export const systemClock: Clock = Object.freeze({
  now: (): bigint => {
    const wallMs = Date.now()
    let nowMs = originMs + performance.now()
    if (Math.abs(nowMs - wallMs) > 2) {
      originMs += wallMs - nowMs
      nowMs = wallMs
    }
    return BigInt(Math.floor(nowMs * 1000))
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
