/** An instant: int64 microseconds since 1970-01-01T00:00:00Z. */
export type Instant = bigint

/** The first instant of year 1 and the first after year 9999. */
export const instantRange = Object.freeze({ min: -62_135_596_800_000_000n, end: 253_402_300_800_000_000n })

const pattern =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?\s*([Zz]|[+-]\d{2}(?::?\d{2})?)?)?$/

/**
 * Reads an instant: RFC 3339, any offset, none = UTC, a date alone = midnight UTC; finer than a microsecond is floored.
 * @returns undefined for anything else, for dates that do not exist, and outside years 1–9999.
 */
export function parseInstant(text: string): Instant | undefined {
  const m = pattern.exec(text)
  if (m === null) return undefined
  const [year, month, day, hour, minute, second] = [m[1], m[2], m[3], m[4] ?? '0', m[5] ?? '0', m[6] ?? '0'].map(
    Number,
  ) as [number, number, number, number, number, number]
  if (
    year < 1 ||
    month < 1 ||
    month > 12 ||
    day < 1 ||
    day > daysIn(year, month) ||
    hour > 23 ||
    minute > 59 ||
    second > 59
  )
    return undefined
  const offset = offsetMinutes(m[8])
  if (offset === undefined) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hour, minute - offset, second)
  const micros = BigInt((m[7] ?? '').slice(0, 6).padEnd(6, '0'))
  const instant = BigInt(date.getTime()) * 1000n + micros
  return inRange(instant) ? instant : undefined
}

/** Writes an instant as RFC 3339 UTC, the fraction only when not zero, up to microseconds. */
export function formatInstant(instant: Instant): string {
  const seconds = floorDivide(instant, 1_000_000n)
  const micros = instant - seconds * 1_000_000n
  const base = new Date(Number(seconds) * 1000).toISOString().slice(0, 19)
  if (micros === 0n) return `${base}Z`
  return `${base}.${micros.toString().padStart(6, '0').replace(/0+$/, '')}Z`
}

/** Whether an instant lies in years 1–9999. */
export const inRange = (instant: Instant): boolean => instant >= instantRange.min && instant < instantRange.end

/** The instant of a `Date`, which has milliseconds only; undefined for an invalid one. */
export function fromDate(date: Date): Instant | undefined {
  const ms = date.getTime()
  return Number.isNaN(ms) ? undefined : BigInt(ms) * 1000n
}

/** The `Date` of an instant; microseconds are floored away. */
export const toDate = (instant: Instant): Date => new Date(Number(floorDivide(instant, 1000n)))

/** Division that floors, also for negative numbers. */
export function floorDivide(a: bigint, b: bigint): bigint {
  const q = a / b
  return a % b !== 0n && a < 0n !== b < 0n ? q - 1n : q
}

function offsetMinutes(text: string | undefined): number | undefined {
  if (text === undefined || text === 'Z' || text === 'z') return 0
  const digits = text.slice(1).replace(':', '')
  const hours = Number(digits.slice(0, 2))
  const minutes = Number(digits.slice(2) || '0')
  if (hours > 23 || minutes > 59) return undefined
  return (text.startsWith('-') ? -1 : 1) * (hours * 60 + minutes)
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}
