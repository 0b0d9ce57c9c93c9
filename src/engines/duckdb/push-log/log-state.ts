import { limits } from '../../../kernel/limits.ts'
import type { Frame, FramedFile } from './frame.ts'
import { type Place, positionOf, startOf } from './position.ts'
import { type RecordHead, decodeHead } from './record-codec.ts'
import { TornSpans } from './torn-spans.ts'

/** Where the record that holds an idempotency key lies. */
export interface Holder {
  readonly atUs: bigint
  readonly position: bigint
  readonly file: FramedFile
  readonly offset: number
  readonly entry: number
}

/** A key and when it was taken. */
export interface Claim {
  readonly key: string
  readonly atUs: bigint
}

/** What a reader needs to know of the log at one moment. */
export interface LogView {
  /** Up to where the log is whole and read; the next append lies there or later, in this segment or a later one. */
  readonly end: Place
  /** Records of unsealed segments that count as nothing. */
  readonly voids: ReadonlySet<bigint>
  /** Where a frame of an unsealed segment begins, at or below a place and not far from it. */
  readonly frameStart: (place: Place) => number
  /** Whether a segment carries dead letters, or ids of replayed ones. */
  readonly hasLetters: (segment: number) => boolean
  /** What is no frame in an unsealed segment, up to where it was read. */
  readonly torn: (segment: number) => TornSpans
}

/** A key older than this behind the newest one is forgotten: twice what a retry may take, for clocks that differ. */
const rememberedUs = 2n * limits.idempotencyUs
/** Frame starts are kept this far apart, to begin a reading near any position. */
const startsBytes = 256 * 1024
/** Keys or void positions kept before the old ones are looked for. */
const pruneAt = 10_000

/**
 * What follows from the log's frames, in their order: up to where it was read, who holds which idempotency key, and which
 * records count as nothing because their key was held. The same in every process.
 */
export class LogState {
  readonly #sealedThrough: number
  readonly #holders = new Map<string, Holder>()
  #voids: ReadonlySet<bigint> = new Set()
  readonly #starts = new Map<number, number[]>()
  readonly #letterSegments = new Set<number>()
  readonly #torn = new Map<number, TornSpans>()
  #newestUs = 0n
  #pruneAt = pruneAt
  segment: number
  offset = 0

  constructor(sealedThrough: number) {
    this.#sealedThrough = sealedThrough
    this.segment = sealedThrough + 1
  }

  /** What is known now; later frames do not change it. */
  view(): LogView {
    return {
      end: { segment: this.segment, offset: this.offset },
      voids: this.#voids,
      frameStart: ({ segment, offset }) => this.#starts.get(segment)?.findLast((start) => start <= offset) ?? 0,
      hasLetters: (segment) => this.#letterSegments.has(segment),
      torn: (segment) => this.#tornOf(segment),
    }
  }

  /** Where the segment is damaged, by what a frame's writer knew of it; undefined where it agrees with what was read. */
  damageSeenBy({ offset, witness }: Frame): number | undefined {
    const torn = this.#tornOf(this.segment)
    const gap = Math.max(0, Math.min(offset, witness.durable) - this.offset)
    if (torn.bytesBelow(witness.durable) + gap <= witness.tornBytes) return undefined
    return gap > 0 ? this.offset : torn.lastBelow(witness.durable)
  }

  /** Who holds a key at an instant. */
  holder({ key, atUs }: Claim): Holder | undefined {
    const holder = this.#holders.get(key)
    return holder !== undefined && atUs - holder.atUs < limits.idempotencyUs ? holder : undefined
  }

  /** A key becomes held. */
  hold(key: string, holder: Holder): void {
    this.#holders.set(key, holder)
    if (holder.atUs > this.#newestUs) this.#newestUs = holder.atUs
  }

  /** The next frame of the segment. */
  apply(frame: Frame, file: FramedFile): void {
    const starts = this.#starts.get(this.segment) ?? []
    this.#starts.set(this.segment, starts)
    if (frame.offset - (starts.at(-1) ?? 0) >= startsBytes) starts.push(frame.offset)
    if (frame.offset > this.offset) this.#tornOf(this.segment).add({ from: this.offset, to: frame.offset })
    if (frame.kind === 'records') {
      for (const [entry, { bytes }] of frame.entries.entries()) {
        const position = positionOf({ segment: this.segment, offset: frame.offset + entry })
        this.#note(decodeHead(bytes), { position, file, offset: frame.offset, entry })
      }
    }
    this.offset = frame.end
    this.#prune()
  }

  /** The segment ended: the next frames come from the next one. */
  nextSegment(): void {
    this.segment++
    this.offset = 0
  }

  #tornOf(segment: number): TornSpans {
    const torn = this.#torn.get(segment) ?? new TornSpans()
    this.#torn.set(segment, torn)
    return torn
  }

  #note(head: RecordHead, at: Omit<Holder, 'atUs'>): void {
    if (head.claim !== null) {
      if (this.holder(head.claim) !== undefined) {
        this.#voids = new Set([...this.#voids, at.position])
        return
      }
      this.hold(head.claim.key, { atUs: head.claim.atUs, ...at })
    }
    if (head.letters || head.replayed) this.#letterSegments.add(this.segment)
  }

  #prune(): void {
    if (this.#holders.size < this.#pruneAt && this.#voids.size < pruneAt) return
    for (const [key, { atUs }] of this.#holders) if (forgotten(atUs, this.#newestUs)) this.#holders.delete(key)
    this.#pruneAt = Math.max(pruneAt, 2 * this.#holders.size)
    this.#voids = new Set([...this.#voids].filter((position) => position >= startOf(this.#sealedThrough + 1)))
  }
}

/** Whether a key taken at an instant is forgotten, where the newest key was taken at another. */
export const forgotten = (atUs: bigint, newestUs: bigint): boolean => atUs < newestUs - rememberedUs
