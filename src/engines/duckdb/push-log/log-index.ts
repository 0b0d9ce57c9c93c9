import { existsSync, fstatSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { IdempotencyRecord } from '../../../ports/push-log.ts'
import { must } from '../../../kernel/assert.ts'
import { fail } from '../../../kernel/errors.ts'
import { checkpointKeys } from './checkpoint.ts'
import { type Frame, type FrameContent, type FramedFile, damaged, framesOf, markerOf, readFrames } from './frame.ts'
import { type LogFolder, codeOf, numbersIn, segmentPath } from './log-folder.ts'
import { type Claim, type Holder, LogState, type LogView } from './log-state.ts'
import { type NumberedManifest, newestManifest } from './manifest.ts'
import type { Place } from './position.ts'
import { decodeRecord } from './record-codec.ts'

interface OpenFile {
  readonly handle: FileHandle
  readonly framed: FramedFile
}

/** A frame of this process that was written whole, and into which segment. */
export interface Written {
  readonly segment: number
  readonly bytes: number
  readonly frame: FrameContent
}

/** Follows the log's files as all processes append to them. */
export class LogIndex {
  readonly folder: LogFolder
  readonly #secret: string
  readonly #writer: Buffer
  /** The one that was asked for last. */
  #marker: { readonly segment: number; readonly bytes: Buffer } | undefined
  #manifest: NumberedManifest
  #state: LogState | undefined
  /** A file that the state points to is gone: the next reading begins at the newest checkpoint. */
  #stale = false
  #file: OpenFile | undefined
  readonly #awaited = new Map<number, Place | undefined>()
  #written: Written | undefined
  #running: Promise<LogView> | undefined
  #queued: Promise<LogView> | undefined

  /** @param writer The id in the frames of this process. */
  constructor(folder: LogFolder, manifest: NumberedManifest, writer: Buffer) {
    this.folder = folder
    this.#secret = manifest.manifest.secret
    this.#manifest = manifest
    this.#writer = writer
  }

  markerOf(segment: number): Buffer {
    if (this.#marker?.segment !== segment)
      this.#marker = { segment, bytes: markerOf(this.#secret, `segment ${segment}`) }
    return this.#marker.bytes
  }

  /** The newest manifest, read again only if there is a newer one. */
  async manifest(): Promise<NumberedManifest> {
    this.#manifest = must(await newestManifest(this.folder, this.#manifest), 'the log has a manifest')
    return this.#manifest
  }

  /** Reads all that was appended, by anyone, before this call. Calls that come while it reads share the next reading. */
  async refresh(): Promise<LogView> {
    if (this.#queued !== undefined) return this.#queued
    if (this.#running === undefined) {
      this.#running = this.#follow().finally(() => {
        this.#running = undefined
      })
      return this.#running
    }
    const next = async (): Promise<LogView> => {
      this.#queued = undefined
      return this.refresh()
    }
    this.#queued = this.#running.then(next, next)
    return this.#queued
  }

  /** Who holds a key at an instant, as of the last refresh. */
  holder(claim: Claim): Holder | undefined {
    return this.#state?.holder(claim)
  }

  /** Reads the record that holds a key; undefined where its file was replaced meanwhile: then refresh and look again. */
  async claimOf(holder: Holder): Promise<IdempotencyRecord | undefined> {
    try {
      for await (const frame of framesOf(holder.file, holder.offset))
        return decodeRecord(must(frame.entries[holder.entry], 'the frame has the entry').bytes).idempotency
    } catch (thrown) {
      if (codeOf(thrown) !== 'ENOENT') throw thrown
      this.#stale = true
    }
    return undefined
  }

  /** Announces a frame of this process: its place is noted when it is read, until it is forgotten. */
  expect(counter: number): void {
    this.#awaited.set(counter, undefined)
  }

  /** Says that an announced frame was written, so that it need not be read back if nobody else wrote meanwhile. */
  wrote(written: Written): void {
    if (this.#awaited.get(written.frame.writer.counter) === undefined) this.#written = written
  }

  /** Where an announced frame lies; undefined where it was not read, for example behind a seal. */
  placeOf(counter: number): Place | undefined {
    return this.#awaited.get(counter)
  }

  forget(counter: number): void {
    this.#awaited.delete(counter)
    this.#written = undefined
  }

  async close(): Promise<void> {
    while (this.#running !== undefined) await this.#running.catch(() => undefined)
    await this.#closeFile()
  }

  async #follow(): Promise<LogView> {
    let loaded = this.#state === undefined || this.#stale
    let state = loaded ? await this.#load(await this.manifest()) : must(this.#state, 'a state was loaded')
    for (;;) {
      const file = await this.#openFile(state)
      if (file === 'sealed long ago') {
        state = await this.#load(this.#manifest)
        loaded = true
        continue
      }
      if (file === undefined || !(await this.#readSegment(state, file))) {
        if (!loaded || file === undefined || !(await this.#isBehind(state))) break
        // Nobody begins a segment before the one before it was sealed, durably.
        if (!(await this.#readSegment(state, file)))
          throw damaged(file.framed.path, state.offset, remedyOf(file.framed))
      }
      // What lies in a segment is durable before anything is read or written behind it.
      await file.handle.datasync()
      await this.#closeFile()
      state.nextSegment()
    }
    // Only now, so that nobody sees a state that knows less than the one before.
    this.#state = state
    return state.view()
  }

  /** A state that begins at a manifest's checkpoint. */
  async #load(manifest: NumberedManifest): Promise<LogState> {
    this.#stale = false
    await this.#closeFile()
    const state = new LogState(manifest.manifest.sealedThrough)
    try {
      for await (const { key, holder } of checkpointKeys(this.folder, manifest.manifest)) state.hold(key, holder)
      return state
    } catch (thrown) {
      const newest = await this.manifest()
      if (codeOf(thrown) !== 'ENOENT' || newest.number === manifest.number) throw thrown
      return this.#load(newest)
    }
  }

  /** The file of the segment; undefined where nobody has made it yet. */
  async #openFile(state: LogState): Promise<OpenFile | undefined | 'sealed long ago'> {
    const file = this.#file ?? (await this.#tryOpen(state))
    if (file !== undefined || !(await this.#isBehind(state))) return file
    // Others went on to later segments just now; or somebody took this one away.
    const again = await this.#tryOpen(state)
    if (again === undefined)
      throw fail('CORRUPT_STORE', `The push log has later segments but not ${segmentPath(this.folder, state.segment)}`)
    return again
  }

  /** Whether there are later segments. */
  async #isBehind({ segment }: LogState): Promise<boolean> {
    return ((await numbersIn(this.folder.segments, '.log')).at(-1) ?? 0) > segment
  }

  async #tryOpen({ segment }: LogState): Promise<OpenFile | undefined | 'sealed long ago'> {
    const path = segmentPath(this.folder, segment)
    const handle = await open(path, 'r').catch((thrown: unknown) => {
      if (codeOf(thrown) !== 'ENOENT') throw thrown
    })
    // A manifest read after opening: as long as it has not sealed the segment, the file cannot be another one of that name.
    const { manifest } = await this.manifest()
    if (manifest.sealedThrough >= segment) {
      await handle?.close()
      return 'sealed long ago'
    }
    if (handle !== undefined) this.#file = { handle, framed: { path, marker: this.markerOf(segment) } }
    return this.#file
  }

  /** Reads what is new in the segment; answers whether its seal was reached. */
  async #readSegment(state: LogState, file: OpenFile): Promise<boolean> {
    // Known at once where the file is open; a turn of the thread pool would be a fifth of the time of a small append.
    const { size } = fstatSync(file.handle.fd)
    const written = this.#written
    if (written !== undefined && written.segment === state.segment && size === state.offset + written.bytes) {
      // Nobody else wrote since the last reading: the frame is ours, as we wrote it.
      this.#apply(state, { ...written.frame, offset: state.offset, end: size }, file.framed)
      return false
    }
    for await (const frame of readFrames(file.handle, file.framed.marker, state.offset, size)) {
      this.#apply(state, frame, file.framed)
      if (frame.kind === 'seal') return true
    }
    return false
  }

  #apply(state: LogState, frame: Frame, framed: FramedFile): void {
    const { segment } = state
    const damage = state.damageSeenBy(frame)
    if (damage !== undefined && !existsSync(acceptedPath(framed))) throw damaged(framed.path, damage, remedyOf(framed))
    state.apply(frame, framed)
    if (!frame.writer.id.equals(this.#writer) || !this.#awaited.has(frame.writer.counter)) return
    this.#awaited.set(frame.writer.counter, { segment, offset: frame.offset })
    this.#written = undefined
  }

  async #closeFile(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.handle.close()
  }
}

/** Made by people, to go on without what is damaged in a segment. */
const acceptedPath = ({ path }: FramedFile): string => `${path}.damage-accepted`

const remedyOf = (file: FramedFile): string =>
  `Restore it from a backup: docs/guide/operating.md#restore. To go on without what is damaged, make an empty file ${acceptedPath(file)}`
