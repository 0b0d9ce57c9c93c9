import type { IncomingMessage } from 'node:http'
import { type LimitName, type RequestLimits, toldLimit } from '../define/request-limits.ts'
import { fail, type ProvenderError } from '../kernel/errors.ts'
import { serverLimits } from './server-limits.ts'

/** How often a body may be larger than allowed and still be read to its end before it is refused. */
const lingerTimes = 4

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Bodies that are read or being read: whoever asks again gets the same. */
const bodies = new WeakMap<IncomingMessage, Promise<Buffer>>()

/**
 * Reads a whole body as UTF-8 text; undefined where there is none. It may be asked for again.
 * @throws PAYLOAD_TOO_LARGE, DEADLINE_EXCEEDED for a body that takes too long, BAD_REQUEST for one that is cut off or no UTF-8.
 */
export async function readText(stream: IncomingMessage, limits: RequestLimits): Promise<string | undefined> {
  let whole = bodies.get(stream)
  if (whole === undefined) bodies.set(stream, (whole = new BodyReader(stream, limits).whole))
  const bytes = await whole
  if (bytes.length === 0) return undefined
  try {
    return utf8.decode(bytes)
  } catch (thrown) {
    throw fail('BAD_REQUEST', 'The body is not UTF-8', { cause: thrown, remedy: 'Send UTF-8 text.' })
  }
}

/** The error for a body that is too large. */
export const tooLarge = (limits: RequestLimits, name: LimitName & `${string}Bytes`): ProvenderError =>
  fail('PAYLOAD_TOO_LARGE', `The body has more bytes than ${toldLimit(limits, name)}`)

/** Reads one body, from its first byte to its last or until it is refused. */
class BodyReader {
  readonly whole: Promise<Buffer>
  readonly #stream: IncomingMessage
  readonly #limits: RequestLimits
  #settle: { readonly resolve: (bytes: Buffer) => void; readonly reject: (error: ProvenderError) => void }
  #timer: NodeJS.Timeout
  #chunks: Buffer[] = []
  #size = 0
  #refused: ProvenderError | undefined
  readonly #take = (chunk: Buffer): void => this.#data(chunk)
  readonly #end = (): void => this.#finish(this.#refused)
  readonly #cut = (): void => this.#finish(this.#refused ?? fail('BAD_REQUEST', 'The body ended before its length'))

  constructor(stream: IncomingMessage, limits: RequestLimits) {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    this.whole = promise
    this.#settle = { resolve, reject }
    this.#stream = stream
    this.#limits = limits
    const late = (): void =>
      this.#finish(fail('DEADLINE_EXCEEDED', `The body took longer to arrive than ${toldLimit(limits, 'bodyMs')} ms`))
    this.#timer = setTimeout(late, limits.bodyMs)
    stream.on('data', this.#take).on('end', this.#end).on('error', this.#cut).on('close', this.#cut)
    if (stream.readableEnded) this.#finish(undefined)
    else if (Number(stream.headers['content-length'] ?? 0) > limits.jsonBodyBytes) this.#refuse()
  }

  #data(chunk: Buffer): void {
    this.#size += chunk.length
    const { jsonBodyBytes } = this.#limits
    if (this.#refused !== undefined) {
      if (this.#size > jsonBodyBytes * lingerTimes) this.#finish(this.#refused)
    } else if (this.#size <= jsonBodyBytes) this.#chunks.push(chunk)
    else this.#refuse()
  }

  /** A sender that finds the connection closed while it still sends never reads why: its body is read on for a while, and forgotten. */
  #refuse(): void {
    this.#refused = tooLarge(this.#limits, 'jsonBodyBytes')
    this.#chunks = []
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#end, serverLimits.lingerMs)
  }

  #finish(error: ProvenderError | undefined): void {
    clearTimeout(this.#timer)
    this.#stream.off('data', this.#take).off('end', this.#end).off('close', this.#cut)
    if (error === undefined) {
      const [only] = this.#chunks
      this.#settle.resolve(this.#chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.#chunks))
    } else {
      this.#chunks = []
      // The listener for errors stays: what goes wrong from now on is of no interest, but must not end the process.
      this.#stream.resume()
      this.#settle.reject(error)
    }
  }
}
