import type { IncomingMessage } from 'node:http'
import { fail, type ProvenderError } from '../kernel/errors.ts'
import { limits } from '../kernel/limits.ts'
import { serverLimits } from './server-limits.ts'

/** How often a body may be larger than allowed and still be read to its end before it is refused. */
const lingerTimes = 4

/**
 * Reads a whole body as UTF-8 text; undefined where there is none.
 * @throws PAYLOAD_TOO_LARGE, DEADLINE_EXCEEDED for a body that takes too long, BAD_REQUEST for one that is cut off or no UTF-8.
 */
export async function readText(stream: IncomingMessage): Promise<string | undefined> {
  const bytes = await readBytes(stream)
  if (bytes.length === 0) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (thrown) {
    throw fail('BAD_REQUEST', 'The body is not UTF-8', { cause: thrown, remedy: 'Send UTF-8 text.' })
  }
}

/** The error for a body that is too large. */
export const tooLarge = (limitBytes: number): ProvenderError =>
  fail('PAYLOAD_TOO_LARGE', `The body is larger than ${limitBytes} bytes`)

function readBytes(stream: IncomingMessage): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  let chunks: Buffer[] = []
  let size = 0
  let refused: ProvenderError | undefined
  const end = (): void =>
    refused === undefined
      ? resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks))
      : reject(refused)
  const cut = (): void => reject(refused ?? fail('BAD_REQUEST', 'The body ended before its length'))
  let timer = setTimeout(
    () => reject(fail('DEADLINE_EXCEEDED', `The body took longer than ${serverLimits.bodyMs} ms`)),
    serverLimits.bodyMs,
  )
  // A sender that finds the connection closed while it still sends never reads why: it is read on for a while, and forgotten.
  const refuse = (): void => {
    refused = tooLarge(limits.jsonBodyBytes)
    chunks = []
    clearTimeout(timer)
    timer = setTimeout(() => reject(refused), serverLimits.lingerMs)
  }
  const take = (chunk: Buffer): void => {
    size += chunk.length
    if (size > limits.jsonBodyBytes && refused === undefined) refuse()
    if (refused === undefined) chunks.push(chunk)
    else if (size > limits.jsonBodyBytes * lingerTimes) reject(refused)
  }
  stream.on('data', take).on('end', end).on('error', cut).on('close', cut)
  return promise.finally(() => {
    clearTimeout(timer)
    stream.off('data', take).off('end', end).off('error', cut).off('close', cut)
    // What goes wrong from now on is of no interest, but must not end the process.
    stream.on('error', () => undefined).resume()
  })
}
