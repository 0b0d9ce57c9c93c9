import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { CallOptions } from '../contract/store.ts'
import { type RequestLimits, toldLimit } from '../define/request-limits.ts'
import { fail, isProvenderError } from '../kernel/errors.ts'
import { tooLarge } from './request-body.ts'

/** A file that goes with its request. */
export interface TemporaryFile extends AsyncDisposable {
  readonly path: string
}

/** A folder of files that live as long as a request; it is made when the first is, and goes with the server. */
export interface UploadFolder extends AsyncDisposable {
  /** A path that nobody else has. */
  newFile(suffix: string): Promise<TemporaryFile>
}

export function openUploadFolder(): UploadFolder {
  let folder: Promise<string> | undefined
  return {
    async newFile(suffix) {
      // mkdtemp makes it for this user alone.
      folder ??= mkdtemp(join(tmpdir(), 'provender-server-'))
      const path = join(await folder, `${randomUUID()}.${suffix}`)
      return { path, [Symbol.asyncDispose]: () => rm(path, { force: true }) }
    },
    async [Symbol.asyncDispose]() {
      if (folder !== undefined) await rm(await folder, { recursive: true, force: true })
    },
  }
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
