import fc from 'fast-check'
import { expect, test } from 'vitest'
import { naiveJoin } from '../../examples/flights/naive-join.ts'

const HOUR_MS = 3_600_000
const start = Date.parse('2001-02-01T00:00:00Z')

test('every flight gets the aggregates of its own calendar bucket, itself and later flights included', () => {
  const flight = fc.record({
    origin: fc.constantFrom('ORD', 'LAX', 'ATL'),
    destination: fc.constantFrom('ORD', 'LAX', 'ATL'),
    minute: fc.integer({ min: 0, max: 20 * 24 * 60 }),
    late: fc.integer({ min: 0, max: 1 }),
  })
  fc.assert(
    fc.property(fc.array(flight, { maxLength: 60 }), (flights) => {
      const at = flights.map((f) => start + f.minute * 60_000)
      const columns = naiveJoin({
        departedAt: Float64Array.from(at),
        origin: flights.map((f) => f.origin),
        destination: flights.map((f) => f.destination),
        late: Uint8Array.from(flights, (f) => f.late),
      })
      const among = (row: number, hours: number, same: (other: (typeof flights)[number]) => boolean): number[] =>
        flights
          .filter((other, index) => same(other) && bucket(at[index]!, hours) === bucket(at[row]!, hours))
          .map((other) => other.late)
      flights.forEach((f, row) => {
        const out = (hours: number, airport: string): number[] => among(row, hours, (other) => other.origin === airport)
        const route = (hours: number): number[] =>
          among(row, hours, (other) => other.origin === f.origin && other.destination === f.destination)
        expect(columns['origin__late_rate_1h']![row]).toBe(mean(out(1, f.origin)))
        expect(columns['origin__late_rate_3h']![row]).toBe(mean(out(3, f.origin)))
        expect(columns['origin__late_rate_24h']![row]).toBe(mean(out(24, f.origin)))
        expect(columns['origin__traffic_3h']![row]).toBe(out(3, f.origin).length)
        expect(columns['destination__late_rate_1h']![row]).toBe(mean(out(1, f.destination)))
        expect(columns['destination__late_rate_3h']![row]).toBe(mean(out(3, f.destination)))
        expect(columns['route_late_rate_24h']![row]).toBe(mean(route(24)))
        expect(columns['route_late_rate_7d']![row]).toBe(mean(route(7 * 24)))
      })
    }),
  )
})

function bucket(instantMs: number, hours: number): number {
  return Math.floor(instantMs / (hours * HOUR_MS))
}

function mean(values: number[]): number {
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0) / values.length
}
