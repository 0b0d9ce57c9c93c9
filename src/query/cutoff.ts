import { type Predicate, type Relation, own } from './relation.ts'
import type { Interval } from '../values/intervals.ts'

/** Only rows that were known at an instant: created at or before it; a row without a created time was not. */
export function knownAt(input: Relation, asOf: bigint | undefined): Relation {
  if (asOf === undefined) return input
  return { kind: 'filter', input, where: { op: '<=', column: own.created, type: 'timestamp', value: asOf } }
}

/** Only rows with an event time in one of the intervals; none for no interval. */
export function within(input: Relation, intervals: readonly Interval[]): Relation {
  return { kind: 'filter', input, where: inIntervals(intervals) }
}

function inIntervals(intervals: readonly Interval[]): Predicate {
  const at = (op: '<' | '>=', value: bigint): Predicate => ({ op, column: own.event, type: 'timestamp', value })
  return {
    op: 'or',
    all: intervals.map((i): Predicate =>
      i.start === null ? at('<', i.end) : { op: 'and', all: [at('>=', i.start), at('<', i.end)] },
    ),
  }
}
