import type { LogIndex } from './log-index.ts'
import type { LogView } from './log-state.ts'
import { framesOf } from './frame.ts'
import { segmentPath } from './log-folder.ts'
import { placeOf, positionOf, startOf } from './position.ts'
import { type RecordHead, decodeHead } from './record-codec.ts'

/** A record in a segment: what is known of it, and its bytes. */
export interface RawRecord {
  readonly position: bigint
  readonly head: RecordHead
  readonly bytes: Buffer
}

/** The records of segments that count, with from ≤ position < before, in log order, as far as a view of the log reaches. */
export async function* segmentRecords(
  index: LogIndex,
  view: LogView,
  range: { readonly from: bigint; readonly before: bigint },
): AsyncGenerator<RawRecord> {
  const first = placeOf(range.from)
  for (let { segment } = first; segment <= view.end.segment && startOf(segment) < range.before; segment++) {
    const until = segment === view.end.segment ? view.end.offset : Number.POSITIVE_INFINITY
    if (until === 0) return
    const from = segment === first.segment ? view.frameStart(first) : 0
    for await (const frame of framesOf(
      { path: segmentPath(index.folder, segment), marker: index.markerOf(segment) },
      from,
      until,
    )) {
      if (frame.kind === 'seal') break
      for (const [entry, { bytes }] of frame.entries.entries()) {
        const position = positionOf({ segment, offset: frame.offset + entry })
        if (position >= range.before) return
        if (position >= range.from && !view.voids.has(position)) yield { position, head: decodeHead(bytes), bytes }
      }
    }
  }
}
