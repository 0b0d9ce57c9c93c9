/** A half-open interval of instants; null = from the beginning of time. */
export interface Interval {
  readonly start: bigint | null
  readonly end: bigint
}

/** The union of intervals as the fewest, ascending, neighbours merged, empty ones left out. */
export function unite(...sets: readonly (readonly Interval[])[]): Interval[] {
  const sorted = sets
    .flat()
    .filter((i) => i.start === null || i.start < i.end)
    .sort((a, b) => compareStarts(a.start, b.start))
  const out: Interval[] = []
  for (const interval of sorted) {
    const last = out.at(-1)
    if (last !== undefined && (interval.start === null || interval.start <= last.end)) {
      if (interval.end > last.end) out[out.length - 1] = { start: last.start, end: interval.end }
    } else {
      out.push({ start: interval.start, end: interval.end })
    }
  }
  return out
}

/** What of `wanted` is not in `covered`. */
export function gaps(wanted: readonly Interval[], covered: readonly Interval[]): Interval[] {
  let rest = unite(wanted)
  for (const hole of unite(covered)) {
    rest = rest.flatMap((interval) => subtract(interval, hole))
  }
  return rest
}

/** Whether every instant of `inner` lies in `outer`. */
export const contains = (outer: readonly Interval[], inner: readonly Interval[]): boolean =>
  gaps(inner, outer).length === 0

/** What of the intervals lies at or after `from`. */
export function since(intervals: readonly Interval[], from: bigint): Interval[] {
  return intervals
    .filter((i) => i.end > from)
    .map((i) => ({ start: i.start === null || i.start < from ? from : i.start, end: i.end }))
}

/** What of the intervals lies before `end`. */
export function until(intervals: readonly Interval[], end: bigint): Interval[] {
  return intervals
    .filter((i) => i.start === null || i.start < end)
    .map((i) => ({ start: i.start, end: i.end > end ? end : i.end }))
}

function subtract(a: Interval, hole: Interval): Interval[] {
  if ((hole.start !== null && a.end <= hole.start) || (a.start !== null && a.start >= hole.end)) return [a]
  const out: Interval[] = []
  if (hole.start !== null && (a.start === null || a.start < hole.start)) out.push({ start: a.start, end: hole.start })
  if (a.end > hole.end) out.push({ start: hole.end, end: a.end })
  return out
}

const compareStarts = (a: bigint | null, b: bigint | null): number =>
  a === b ? 0 : a === null ? -1 : b === null ? 1 : a < b ? -1 : 1
