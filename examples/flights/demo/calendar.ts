const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** What the model is trained on; January only fills the first windows. */
export const trainingStart = new Date('2001-02-01T00:00:00Z')
/** What it is tested on: everything from here to the end. */
export const testStart = new Date('2001-06-01T00:00:00Z')
export const testEnd = new Date('2001-07-01T00:00:00Z')

/** Five has no factor in common with the hours of a day: in thirty days every hour of the day has its turn six times. */
const EVERY_HOURS = 5

/** An hour of the test month at the end of which the store is asked for the vectors of the flights that departed in it. */
export interface ServedHour {
  readonly start: Date
  /** Where the store's clock stands: the last minute of the hour. Departures are given to the minute, so none is later. */
  readonly clock: Date
}

/**
 * 144 hours spread evenly over the test month, in order.
 *
 * Features change on the hour (routes: every three hours). Between two changes a value holds, so what is served at an
 * hour's last minute is what was served at the departure of each of its flights: one materialization serves them all.
 */
export function servedHours(): ServedHour[] {
  const hours = Math.round((testEnd.getTime() - testStart.getTime()) / HOUR_MS)
  return Array.from({ length: Math.ceil(hours / EVERY_HOURS) }, (_, index) => {
    const startMs = testStart.getTime() + index * EVERY_HOURS * HOUR_MS
    return { start: new Date(startMs), clock: new Date(startMs + HOUR_MS - MINUTE_MS) }
  })
}
