import type { LogIndex } from './log-index.ts'
import type { LogView } from './log-state.ts'
import { damaged, framesOf } from './frame.ts'
import { segmentPath } from './log-folder.ts'
import { placeOf, positionOf, startOf } from './position.ts'
import { type RecordHead, decodeHead } from './record-codec.ts'

/** A record in a segment: what is known of it, and its bytes. */
export interface RawRecord {
  readonly position: bigint
  readonly head: RecordHead
  readonly bytes: Buffer
}

/**
 * The records of segments that count, with from ≤ position < before, in log order, as far as a view of the log reaches.
 * @throws CORRUPT_STORE where a frame of the view is not there any more.
 */
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
    const file = { path: segmentPath(index.folder, segment), marker: index.markerOf(segment) }
    const torn = view.torn(segment)
    let [end, sealed] = [from, false]
    for await (const frame of framesOf(file, from, until)) {
      if (frame.offset > end && !torn.has({ from: end, to: frame.offset })) throw damaged(file.path, end)
      end = frame.end
      sealed = frame.kind === 'seal'
      if (sealed) break
      for (const [entry, { bytes }] of frame.entries.entries()) {
        const position = positionOf({ segment, offset: frame.offset + entry })
        if (position >= range.before) return
        if (position >= range.from && !view.voids.has(position)) yield { position, head: decodeHead(bytes), bytes }
      }
    }
    if (!sealed && end < until) throw damaged(file.path, end)
  }
}
