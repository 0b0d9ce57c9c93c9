import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { CallOptions } from '../contract/store.ts'
import { type RequestLimits, toldLimit } from '../define/request-limits.ts'
import { fail, isProvenderError } from '../kernel/errors.ts'
import { type ProcessOwner, isDead, processOwner } from '../kernel/process-owner.ts'
import { tooLarge } from './request-body.ts'

/** A file that goes with its request. */
export interface TemporaryFile extends AsyncDisposable {
  readonly path: string
}

/** A folder of files that live as long as a request; it is made when the first is, and goes with the server, or with one that is started later. */
export interface UploadFolder extends AsyncDisposable {
  /** A path that nobody else has. */
  newFile(suffix: string): Promise<TemporaryFile>
}

export function openUploadFolder(): UploadFolder {
  let folder: Promise<string> | undefined
  return {
    async newFile(suffix) {
      folder ??= newFolder().catch((thrown: unknown) => {
        // The next one tries again: there may be room by then.
        folder = undefined
        throw thrown
      })
      const path = join(await folder, `${randomUUID()}.${suffix}`)
      return { path, [Symbol.asyncDispose]: () => rm(path, { force: true }) }
    },
    async [Symbol.asyncDispose]() {
      if (folder !== undefined) await rm(await folder, { recursive: true, force: true })
    },
  }
}

const prefix = 'provender-server-'
const ownerFile = 'owner.json'
/** Beyond that age the folder of a process of which nothing is known, of another container for instance, is nobody's any more. */
const keptMs = 24 * 60 * 60 * 1000

async function newFolder(): Promise<string> {
  await sweep().catch(() => undefined)
  // mkdtemp makes it for this user alone.
  const path = await mkdtemp(join(tmpdir(), prefix))
  try {
    await writeFile(join(path, ownerFile), JSON.stringify(processOwner()))
    return path
  } catch (thrown) {
    await rm(path, { recursive: true, force: true })
    throw thrown
  }
}

/** Removes what servers that were killed have left. */
async function sweep(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(prefix)) continue
    const path = join(tmpdir(), name)
    // Those of other users can neither be read nor removed.
    if (await isAbandoned(path).catch(() => false))
      await rm(path, { recursive: true, force: true }).catch(() => undefined)
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const { mtimeMs } = await stat(path)
  const owner = await readFile(join(path, ownerFile), 'utf8').then((text) => JSON.parse(text) as ProcessOwner)
  return isDead(owner) || Date.now() - mtimeMs > keptMs
}

/**
 * Writes a streamed body into a file, within the deadline of a call.
 * @throws PAYLOAD_TOO_LARGE beyond `spineBytes` of the limits; DEADLINE_EXCEEDED, also when it stands still; BAD_REQUEST when it is cut off; STORE_FULL.
 */
export async function receive(
  body: Readable,
  path: string,
  limits: RequestLimits,
  { signal, timeoutMs }: CallOptions,
): Promise<void> {
  const measure = (chunks: AsyncIterable<Buffer>) => measured(chunks, limits, timeoutMs)
  try {
    await pipeline(body, measure, createWriteStream(path, { mode: 0o600 }), signal === undefined ? {} : { signal })
  } catch (thrown) {
    if (isProvenderError(thrown)) throw thrown
    if (signal?.aborted === true && isProvenderError(signal.reason)) throw signal.reason
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw fail('STORE_FULL', 'There is no room for the body in the temporary folder', { cause: thrown })
    throw fail('BAD_REQUEST', 'The body ended before its length', { cause: thrown })
  }
}

async function* measured(
  chunks: AsyncIterable<Buffer>,
  limits: RequestLimits,
  timeoutMs = Number.POSITIVE_INFINITY,
): AsyncGenerator<Buffer> {
  const endsAtMs = performance.now() + timeoutMs
  let size = 0
  const idle = Promise.withResolvers<never>()
  idle.promise.catch(() => undefined)
  let timer: NodeJS.Timeout | undefined
  const wait = (): void => {
    const leftMs = endsAtMs - performance.now()
    const late =
      leftMs < limits.uploadIdleMs
        ? 'The deadline passed while the body arrived'
        : `The body stood still for ${toldLimit(limits, 'uploadIdleMs')} ms`
    timer = setTimeout(() => idle.reject(fail('DEADLINE_EXCEEDED', late)), Math.min(leftMs, limits.uploadIdleMs))
  }
  const source = chunks[Symbol.asyncIterator]()
  try {
    for (;;) {
      wait()
      const next = await Promise.race([source.next(), idle.promise])
      clearTimeout(timer)
      if (next.done === true) return
      size += next.value.length
      if (size > limits.spineBytes) throw tooLarge(limits, 'spineBytes')
      yield next.value
    }
  } finally {
    clearTimeout(timer)
  }
}
