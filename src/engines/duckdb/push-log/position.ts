/** Segments are numbered from here, so that every position is greater than 0. */
export const firstSegment = 1

const segmentSpan = 1n << 40n

/** A place in the log's files. A record's offset is that of its frame plus its number within it, which is less than the frame has bytes. */
export interface Place {
  readonly segment: number
  readonly offset: number
}

/** The position of a place; positions of later segments are greater. */
export const positionOf = ({ segment, offset }: Place): bigint => BigInt(segment) * segmentSpan + BigInt(offset)

/** The place of a position; positions below the first segment are its start. */
export function placeOf(position: bigint): Place {
  if (position < BigInt(firstSegment) * segmentSpan) return { segment: firstSegment, offset: 0 }
  return { segment: Number(position / segmentSpan), offset: Number(position % segmentSpan) }
}

/** Where a segment begins. */
export const startOf = (segment: number): bigint => positionOf({ segment, offset: 0 })
