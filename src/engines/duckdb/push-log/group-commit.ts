import { type FileHandle, open } from 'node:fs/promises'
import type { Call } from '../../../kernel/call.ts'
import type { Appended, IdempotencyRecord, LogRecord } from '../../../ports/push-log.ts'
import type { LogLimits } from './log-limits.ts'
import { must } from '../../../kernel/assert.ts'
import { checkCall } from '../../../kernel/call.ts'
import { fail } from '../../../kernel/errors.ts'
import { type Entry, type FrameContent, type Witness, type Writer, encodeFrame, readFrames } from './frame.ts'
import { segmentPath, storeFailure, syncFolder } from './log-folder.ts'
import type { LogIndex } from './log-index.ts'
import type { LogView } from './log-state.ts'
import { type Place, positionOf } from './position.ts'
import { encodeRecord } from './record-codec.ts'

interface OpenSegment {
  readonly handle: FileHandle
  readonly segment: number
}

interface Grouped {
  readonly record: LogRecord
  readonly entry: Entry
}

interface Waiting {
  readonly records: readonly LogRecord[]
  readonly entries: readonly Entry[]
  readonly bytes: number
  readonly call: Call | undefined
  readonly resolve: (answers: Appended[]) => void
  readonly reject: (reason: unknown) => void
}

/** How often a group is appended anew because its segment was sealed in between: each time, another process sealed one. */
const attempts = 100

/**
 * Appends of one process. All that come in one turn, or while the disk is busy with the last group, share one frame, one write
 * and one fdatasync. A frame is whole or not there, so a group that did not get onto the disk counts for nobody; only where the
 * disk takes a write and then refuses to make it durable may a record count whose append was answered with an error.
 */
export class GroupCommit {
  readonly #index: LogIndex
  readonly #limits: LogLimits
  readonly #writer: Buffer
  #counter = 0
  /** The segment is large enough to be sealed. */
  #grown = false
  #waiting: Waiting[] = []
  #running: Promise<void> | undefined
  #file: OpenSegment | undefined
  /** What the next frame vouches for. */
  #known: Known | undefined

  constructor(index: LogIndex, limits: LogLimits, writer: Buffer) {
    this.#index = index
    this.#limits = limits
    this.#writer = writer
  }

  /** Appends records; answers when they are durable. */
  async append(records: readonly LogRecord[], call: Call | undefined): Promise<Appended[]> {
    const entries = records.map((record) => ({ position: 0n, bytes: encodeRecord(record) }))
    const bytes = entries.reduce((sum, each) => sum + each.bytes.length, 0)
    if (bytes > this.#limits.appendBytes)
      throw fail('PAYLOAD_TOO_LARGE', `${bytes} bytes in one append; at most ${this.#limits.appendBytes}`)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ records, entries, bytes, call, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Ends the current segment, if it holds anything; the next append begins another one. */
  async seal(): Promise<void> {
    await this.#idle()
    this.#running = this.#sealCurrent().finally(() => {
      this.#running = undefined
      if (this.#waiting.length > 0) this.#running = this.#run()
    })
    return this.#running
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    await this.#idle()
    await this.#file?.handle.close()
    this.#file = undefined
  }

  async #idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running.catch(() => undefined)
  }

  async #run(): Promise<void> {
    // The rest of the turn may bring more.
    await new Promise(setImmediate)
    while (this.#waiting.length > 0) await this.#commit(this.#take())
    this.#running = undefined
  }

  /** The next group: what is still waited for, up to a size. */
  #take(): Waiting[] {
    const group: Waiting[] = []
    let bytes = 0
    for (
      let next = this.#waiting[0];
      next !== undefined && (group.length === 0 || bytes + next.bytes <= this.#limits.groupBytes);
      next = this.#waiting[0]
    ) {
      this.#waiting.shift()
      try {
        checkCall(next.call)
        group.push(next)
        bytes += next.bytes
      } catch (reason) {
        next.reject(reason)
      }
    }
    return group
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    try {
      const answers = await this.#write(
        group.flatMap((each) =>
          each.records.map((record, i) => ({ record, entry: must(each.entries[i], 'a record has an entry') })),
        ),
      )
      let at = 0
      for (const each of group) {
        each.resolve(answers.slice(at, at + each.records.length))
        at += each.records.length
      }
    } catch (thrown) {
      const reason = storeFailure(thrown, this.#index.folder.path)
      for (const each of group) each.reject(reason)
      return
    }
    // Whoever cannot seal now (no room) will be asked again after the next group.
    if (this.#grown) await this.#sealCurrent().catch(() => undefined)
  }

  async #write(group: readonly Grouped[]): Promise<Appended[]> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const view = await this.#index.refresh()
      // Who is held already is not written again; those that repeat one another are told apart by where their frame lies.
      const fresh = group.filter(
        ({ record: { idempotency } }) => idempotency === undefined || this.#index.holder(idempotency) === undefined,
      )
      const place = await this.#writeFrame(
        fresh.map(({ entry }) => entry),
        view,
      )
      if (place !== undefined) return this.#answers(group, fresh, place)
    }
    throw fail('STORE_UNREACHABLE', 'Other processes sealed the push log each time before an append ended')
  }

  /** Writes one frame, makes it durable and answers where it lies; undefined where its segment was sealed first, so that it is void. */
  async #writeFrame(entries: readonly Entry[], view: LogView): Promise<Place | undefined> {
    const { end: from } = view
    const { handle, segment } = await this.#openFile(from)
    if (entries.length === 0) {
      // What repeats is answered with a record that another process may not have made durable yet.
      await handle.datasync()
      return from
    }
    if (this.#known?.segment !== segment) this.#known = await knownOf(handle, segment, view)
    const { witness } = this.#known
    const writer = { id: this.#writer, counter: this.#counter++ }
    const marker = this.#index.markerOf(segment)
    const frame: FrameContent = { kind: 'records', writer, witness, entries }
    const bytes = encodeFrame(marker, frame)
    this.#index.expect(writer.counter)
    try {
      await writeWhole(handle, bytes)
      this.#index.wrote({ segment, bytes: bytes.length, frame })
      await handle.datasync()
      const after = await this.#index.refresh()
      this.#grown = from.offset + bytes.length >= this.#limits.segmentBytes
      const place =
        this.#index.placeOf(writer.counter) ??
        (await findFrame({ handle, marker, segment, from: from.segment === segment ? from.offset : 0 }, writer))
      if (place !== undefined)
        this.#known = { segment, witness: witnessOf(after, segment, place.offset + bytes.length) }
      return place
    } finally {
      this.#index.forget(writer.counter)
    }
  }

  async #answers(
    group: readonly Grouped[],
    fresh: readonly Grouped[],
    { segment, offset }: Place,
  ): Promise<Appended[]> {
    const answers: Appended[] = []
    for (const each of group) {
      const entry = fresh.indexOf(each)
      const position = entry === -1 ? undefined : positionOf({ segment, offset: offset + entry })
      const earlier =
        each.record.idempotency === undefined ? undefined : await this.#earlier(each.record.idempotency, position)
      if (earlier !== undefined) answers.push({ kind: 'repeated', earlier })
      else answers.push({ kind: 'appended', position: must(position, 'a record that is not held was written') })
    }
    return answers
  }

  /** The record that holds a key, unless it is the one at the position. */
  async #earlier(claim: IdempotencyRecord, position: bigint | undefined): Promise<IdempotencyRecord | undefined> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const holder = this.#index.holder(claim)
      if (holder === undefined || holder.position === position) return undefined
      const earlier = await this.#index.claimOf(holder)
      if (earlier !== undefined) return earlier
      await this.#index.refresh()
    }
    throw fail('STORE_UNREACHABLE', 'Other processes replaced the files of the push log each time before one was read')
  }

  /** The segment that appends go to, made where it is missing. */
  async #openFile(end: Place): Promise<OpenSegment> {
    for (let { segment } = end; ; { segment } = (await this.#index.refresh()).end) {
      if (this.#file?.segment === segment) return this.#file
      await this.#file?.handle.close()
      this.#file = undefined
      const handle = await open(segmentPath(this.#index.folder, segment), 'a+')
      await syncFolder(this.#index.folder.segments)
      this.#file = { handle, segment }
      // As long as no manifest has sealed the segment, the file cannot be a new one in the place of one that was deleted.
      if ((await this.#index.manifest()).manifest.sealedThrough < segment) return this.#file
    }
  }

  async #sealCurrent(): Promise<void> {
    const view = await this.#index.refresh()
    if (view.end.offset === 0) return
    const { handle, segment } = await this.#openFile(view.end)
    const { witness } = await knownOf(handle, segment, view)
    const writer = { id: this.#writer, counter: this.#counter++ }
    await writeWhole(handle, encodeFrame(this.#index.markerOf(segment), { kind: 'seal', writer, witness, entries: [] }))
    await handle.datasync()
    await this.#index.refresh()
  }
}

/** What a process knows to be durable of a segment. */
interface Known {
  readonly segment: number
  readonly witness: Witness
}

/** Makes durable what others wrote as far as it was read, so that a frame can vouch for it. */
async function knownOf(handle: FileHandle, segment: number, view: LogView): Promise<Known> {
  await handle.datasync()
  return { segment, witness: witnessOf(view, segment, view.end.segment === segment ? view.end.offset : 0) }
}

const witnessOf = (view: LogView, segment: number, durable: number): Witness => ({
  durable,
  tornBytes: view.torn(segment).bytesBelow(durable),
})

/** One write for all bytes: what others append comes before or behind it. A frame that was cut off is none. */
async function writeWhole(handle: FileHandle, bytes: Buffer): Promise<void> {
  const { bytesWritten } = await handle.write(bytes)
  // The system takes what there is room for, and says why only to who writes again.
  if (bytesWritten !== bytes.length)
    throw Object.assign(new Error(`the disk took ${bytesWritten} of ${bytes.length} bytes`), { code: 'ENOSPC' })
}

/** Where a writer's frame lies in a segment; undefined where it is not there before the seal. */
async function findFrame(
  segment: { readonly handle: FileHandle; readonly marker: Buffer; readonly segment: number; readonly from: number },
  writer: Writer,
): Promise<Place | undefined> {
  const { size } = await segment.handle.stat()
  for await (const frame of readFrames(segment.handle, segment.marker, segment.from, size)) {
    if (frame.kind === 'seal') return undefined
    if (frame.writer.counter === writer.counter && frame.writer.id.equals(writer.id))
      return { segment: segment.segment, offset: frame.offset }
  }
  return undefined
}
