import { parseInstant } from '../values/instant.ts'

const units: readonly (readonly [name: string, seconds: number])[] = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
]

const year = 31_556_952
/** Below two years, days say more. */
const manyYears = 2 * year

/** How long ago an instant was, in its greatest unit: `12 min ago`. */
export function ageOf(instant: bigint, nowMs: number = Date.now()): string {
  const seconds = Math.round(nowMs / 1000 - Number(instant / 1000n) / 1000)
  const span = spanOf(Math.abs(seconds))
  return seconds < 0 ? `in ${span}` : `${span} ago`
}

/** The age of RFC 3339 text; an empty text for none. */
export function ageOfText(text: string | null | undefined): string {
  const instant = text === null || text === undefined ? undefined : parseInstant(text)
  return instant === undefined ? '' : ageOf(instant)
}

function spanOf(seconds: number): string {
  if (seconds >= manyYears) return `${Math.floor(seconds / year)} years`
  const [name, size] = units.find(([, each]) => seconds >= each) ?? ['s', 1]
  return `${Math.floor(seconds / size)} ${name}`
}
