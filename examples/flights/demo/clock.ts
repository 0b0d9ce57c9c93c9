/** The time that the demo lets the store believe in, in microseconds. */
export interface DemoClock {
  now(): bigint
  /** Stands still at this instant. */
  stopAt(instant: Date): void
  /** Goes on from where it stands, as fast as time passes. */
  run(): void
}

/** A clock that stands still, so that every step of the replay has one instant, until the demo lets it run for its server. */
export function demoClock(startAt: Date): DemoClock {
  let standsAt = microseconds(startAt)
  let runningSinceMs: number | undefined
  return {
    now: () =>
      runningSinceMs === undefined
        ? standsAt
        : standsAt + BigInt(Math.floor((performance.now() - runningSinceMs) * 1000)),
    stopAt: (instant) => {
      standsAt = microseconds(instant)
      runningSinceMs = undefined
    },
    run: () => {
      runningSinceMs = performance.now()
    },
  }
}

function microseconds(instant: Date): bigint {
  return BigInt(instant.getTime()) * 1000n
}
