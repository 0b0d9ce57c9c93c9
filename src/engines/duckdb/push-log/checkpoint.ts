import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { DeadLetter } from '../../../ports/dead-letters.ts'
import type { IdempotencyRecord, LogRecord } from '../../../ports/push-log.ts'
import type { Holder } from './log-state.ts'
import { type Entry, type FrameKind, type FramedFile, encodeFrame, markerOf, noWitness, wholeFrames } from './frame.ts'
import { type LogFolder, freshName } from './log-folder.ts'
import type { Manifest } from './manifest.ts'
import { decodeHead, decodeRecord, encodeRecord } from './record-codec.ts'

/** Bytes of records gathered into one frame. */
const frameBytes = 256 * 1024

/** A dead letter and the position of the record that brought it. */
export interface KeptLetter {
  readonly position: bigint
  readonly letter: DeadLetter
}

/** An idempotency record and the position of the record that took the key. */
export interface KeptClaim {
  readonly position: bigint
  readonly claim: IdempotencyRecord
}

/** The idempotency keys of a manifest's checkpoint and where their records lie. */
export async function* checkpointKeys(
  folder: LogFolder,
  manifest: Manifest,
): AsyncGenerator<{ key: string; holder: Holder }> {
  if (manifest.checkpoint === null) return
  const file = keysFile(folder, manifest, manifest.checkpoint)
  for await (const frame of wholeFrames(file)) {
    for (const [entry, { position, bytes }] of frame.entries.entries()) {
      const { claim } = decodeHead(bytes)
      if (claim !== null)
        yield { key: claim.key, holder: { atUs: claim.atUs, position, file, offset: frame.offset, entry } }
    }
  }
}

/** The whole idempotency records of a manifest's checkpoint. */
export async function* checkpointClaims(folder: LogFolder, manifest: Manifest): AsyncGenerator<KeptClaim> {
  if (manifest.checkpoint === null) return
  for await (const frame of wholeFrames(keysFile(folder, manifest, manifest.checkpoint))) {
    for (const { position, bytes } of frame.entries) {
      const { idempotency } = decodeRecord(bytes)
      if (idempotency !== undefined) yield { position, claim: idempotency }
    }
  }
}

/** The dead letters of a manifest's checkpoint. */
export async function* checkpointLetters(folder: LogFolder, manifest: Manifest): AsyncGenerator<KeptLetter> {
  if (manifest.checkpoint === null) return
  for await (const frame of wholeFrames(lettersFile(folder, manifest, manifest.checkpoint))) {
    for (const { position, bytes } of frame.entries)
      for (const letter of decodeRecord(bytes).deadLetters) yield { position, letter }
  }
}

/** Writes a checkpoint, durable, and answers its name. */
export async function writeCheckpoint(
  folder: LogFolder,
  manifest: Manifest,
  kept: { readonly claims: AsyncIterable<KeptClaim>; readonly letters: AsyncIterable<KeptLetter> },
): Promise<string> {
  const name = freshName('', '')
  const keys = await FrameFile.create(keysFile(folder, manifest, name))
  for await (const { position, claim } of kept.claims)
    await keys.add({ position, bytes: encodeRecord({ ...nothing, idempotency: claim }) })
  await keys.close()
  const letters = await FrameFile.create(lettersFile(folder, manifest, name))
  for await (const { position, letter } of kept.letters)
    await letters.add({ position, bytes: encodeRecord({ ...nothing, deadLetters: [letter] }) })
  await letters.close()
  return name
}

/** The files of a checkpoint, within the log's folder. */
export const checkpointFiles = (name: string): string[] => [
  join('checkpoints', `${name}.keys`),
  join('checkpoints', `${name}.letters`),
]

const nothing: LogRecord = {
  target: { kind: 'view', name: '' },
  to: 'both',
  columns: [],
  rows: [],
  deadLetters: [],
  replayed: [],
}

const keysFile = (folder: LogFolder, { secret }: Manifest, name: string): FramedFile => ({
  path: join(folder.checkpoints, `${name}.keys`),
  marker: markerOf(secret, `keys ${name}`),
})
const lettersFile = (folder: LogFolder, { secret }: Manifest, name: string): FramedFile => ({
  path: join(folder.checkpoints, `${name}.letters`),
  marker: markerOf(secret, `letters ${name}`),
})

/** A file of frames being written by one process. */
class FrameFile {
  readonly #handle: FileHandle
  readonly #marker: Buffer
  #entries: Entry[] = []
  #bytes = 0

  private constructor(handle: FileHandle, marker: Buffer) {
    this.#handle = handle
    this.#marker = marker
  }

  static async create({ path, marker }: FramedFile): Promise<FrameFile> {
    return new FrameFile(await open(path, 'wx'), marker)
  }

  async add(entry: Entry): Promise<void> {
    this.#entries.push(entry)
    this.#bytes += entry.bytes.length
    if (this.#bytes >= frameBytes) await this.#write('kept')
  }

  async close(): Promise<void> {
    if (this.#entries.length > 0) await this.#write('kept')
    await this.#write('seal')
    await this.#handle.sync()
    await this.#handle.close()
  }

  async #write(kind: FrameKind): Promise<void> {
    const writer = { id: Buffer.alloc(8), counter: 0 }
    await this.#handle.appendFile(
      encodeFrame(this.#marker, { kind, writer, witness: noWitness, entries: this.#entries }),
    )
    this.#entries = []
    this.#bytes = 0
  }
}
