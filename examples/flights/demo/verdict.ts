import type { Served } from './replay.ts'
import type { Score } from './scores.ts'

const LEAST_SERVED_HOURS = 100
const LEAST_LEAK = 0.2
const GREATEST_ERROR = 0.005

/** What this run did not show although the demo says so: one sentence each, none if all is well. */
export function verdict(served: Served, scores: readonly Score[]): string[] {
  const gap = (join: Score['join']): number => {
    const found = scores.find((each) => each.join === join)
    return found === undefined ? Number.NaN : found.claims - found.serves
  }
  const leak = gap('naive join')
  const error = Math.abs(gap('point-in-time join'))
  // Written so that NaN fails: a figure that is missing shows nothing.
  return [
    ...(served.hours >= LEAST_SERVED_HOURS
      ? []
      : [`only ${served.hours} hours were served, not ${LEAST_SERVED_HOURS}`]),
    ...(served.differences === 0
      ? []
      : [`${served.differences} served values differ; first, ${served.firstDifference}`]),
    ...(leak >= LEAST_LEAK ? [] : [`the naive join claims only ${leak.toFixed(4)} more than it serves`]),
    ...(error <= GREATEST_ERROR ? [] : [`the point-in-time join serves ${error.toFixed(4)} away from its claim`]),
  ]
}
