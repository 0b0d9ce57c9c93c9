/** Bytes of a segment that are no frame, from inclusive, to exclusive: a killed writer or a full disk left them there. */
export interface TornSpan {
  readonly from: number
  readonly to: number
}

/** The torn spans of one segment, as they are met in its order. */
export class TornSpans {
  readonly #spans: TornSpan[] = []

  add(span: TornSpan): void {
    this.#spans.push(span)
  }

  /** How many bytes are torn below an offset. */
  bytesBelow(offset: number): number {
    return this.#spans.reduce((sum, { from, to }) => sum + Math.max(0, Math.min(to, offset) - from), 0)
  }

  /** Where the last span below an offset begins. */
  lastBelow(offset: number): number | undefined {
    return this.#spans.findLast(({ from }) => from < offset)?.from
  }

  /** Whether a span is one that was met. */
  has(span: TornSpan): boolean {
    return this.#spans.some(({ from, to }) => from <= span.from && span.to <= to)
  }
}
