const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Flights as columns: row i of each is one flight. `departedAt` in milliseconds. */
export interface Flights {
  readonly departedAt: Float64Array
  readonly origin: readonly string[]
  readonly destination: readonly string[]
  readonly late: Uint8Array
}

/**
 * The join that looks right and is not: every flight gets the late rates of the hour, three hours, day and week in which it departed.
 *
 * The windows are as long as those of the real features and the columns have the same names, so a model can be trained on
 * either. But a calendar hour holds flights that landed after this one departed, and this very flight: its own label is
 * in its features. Such a column is a `GROUP BY` away in any notebook, and nothing about it fails.
 */
export function naiveJoin(flights: Flights): Record<string, Float64Array> {
  const { origin, destination } = flights
  const route = origin.map((from, row) => `${from} ${destination[row]}`)
  const hour = tally(flights, origin, HOUR_MS)
  const threeHours = tally(flights, origin, 3 * HOUR_MS)
  return {
    origin__late_rate_1h: rates(hour, flights, origin),
    origin__late_rate_3h: rates(threeHours, flights, origin),
    origin__late_rate_24h: rates(tally(flights, origin, DAY_MS), flights, origin),
    origin__traffic_3h: counts(threeHours, flights, origin),
    destination__late_rate_1h: rates(hour, flights, destination),
    destination__late_rate_3h: rates(threeHours, flights, destination),
    route_late_rate_24h: rates(tally(flights, route, DAY_MS), flights, route),
    route_late_rate_7d: rates(tally(flights, route, 7 * DAY_MS), flights, route),
  }
}

interface Tally {
  readonly bucketMs: number
  readonly groups: ReadonlyMap<string, { flights: number; late: number }>
}

function tally(flights: Flights, keys: readonly string[], bucketMs: number): Tally {
  const groups = new Map<string, { flights: number; late: number }>()
  keys.forEach((key, row) => {
    const name = groupName(key, flights.departedAt[row]!, bucketMs)
    const group = groups.get(name) ?? { flights: 0, late: 0 }
    group.flights += 1
    group.late += flights.late[row]!
    groups.set(name, group)
  })
  return { bucketMs, groups }
}

function rates({ bucketMs, groups }: Tally, flights: Flights, keys: readonly string[]): Float64Array {
  return Float64Array.from(keys, (key, row) => {
    const group = groups.get(groupName(key, flights.departedAt[row]!, bucketMs))
    return group === undefined ? Number.NaN : group.late / group.flights
  })
}

function counts({ bucketMs, groups }: Tally, flights: Flights, keys: readonly string[]): Float64Array {
  return Float64Array.from(
    keys,
    (key, row) => groups.get(groupName(key, flights.departedAt[row]!, bucketMs))?.flights ?? 0,
  )
}

function groupName(key: string, instantMs: number, bucketMs: number): string {
  return `${key} ${Math.floor(instantMs / bucketMs)}`
}
