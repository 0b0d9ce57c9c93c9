import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import type { CallOptions } from '../contract/store.ts'
import { type ProvenderError, fail, isProvenderError } from '../kernel/errors.ts'
import { demandGood, readAnswer } from './answer.ts'
import { CallEnd } from './call-end.ts'
import { type Connections, type Outgoing, Unanswered, unreachable } from './connection.ts'
import { RetryPolicy, retryAfterMs } from './retry-policy.ts'
import { type AnswerOf, type CallName, type ParamsOf, type ServerCall, serverCalls } from './server-calls.ts'

/** A body that is not JSON: its type, and how to begin to read it, again for each try. */
export interface StreamedBody {
  readonly media: string
  readonly bytes: number
  readonly open: () => Readable
}

/** What is said to a route beside its name. */
export interface Said<N extends CallName = CallName> {
  readonly params?: ParamsOf<N>
  readonly query?: Readonly<Record<string, string | readonly string[] | undefined>>
  /** JSON text, or a stream. */
  readonly body?: string | StreamedBody
  readonly headers?: Readonly<Record<string, string>>
}

/** Asks one server, again where that is safe and sensible. Closing it ends all that is under way. */
export class Caller implements Disposable {
  readonly url: URL
  readonly #connections: Connections
  readonly #policy: RetryPolicy
  readonly #closing = new AbortController()
  readonly #usualMs: number | undefined

  /** @param usualMs The deadline of calls that bring none; the routes' own where it is left out. */
  constructor(
    url: URL,
    connections: Connections,
    { policy = new RetryPolicy(), usualMs }: { policy?: RetryPolicy; usualMs?: number | undefined } = {},
  ) {
    this.url = url
    this.#connections = connections
    this.#policy = policy
    this.#usualMs = usualMs
  }

  /** Begins a call: it ends by this. @throws CLOSED, INTERRUPTED, DEADLINE_EXCEEDED. */
  begin(name: CallName, options: CallOptions | undefined): CallEnd {
    const usualMs = serverCalls[name].timeoutMs
    const timeoutMs = options?.timeoutMs ?? (usualMs === null ? undefined : this.#usualMs)
    const ownMs = timeoutMs === undefined ? {} : { timeoutMs }
    const signal = options?.signal === undefined ? {} : { signal: options.signal }
    return new CallEnd({ options: { ...ownMs, ...signal }, usualMs, closing: this.#closing.signal })
  }

  /** Begins to wait for what may take as long as it takes; the caller's own deadline holds. @throws as `begin`. */
  beginWaiting(options: CallOptions | undefined): CallEnd {
    return new CallEnd({ options, usualMs: null, closing: this.#closing.signal })
  }

  /** Asks a route and answers its JSON. @throws the server's errors; STORE_UNREACHABLE; CLOSED, INTERRUPTED, DEADLINE_EXCEEDED. */
  async ask<N extends CallName>(name: N, said: Said<N>, options: CallOptions | undefined): Promise<AnswerOf<N>> {
    using end = this.begin(name, options)
    const call = serverCalls[name]
    return await this.#tries(
      name,
      said,
      end,
      async (answer) => (await readAnswer(answer, call, this.url)) as AnswerOf<N>,
    )
  }

  /** Asks a route for a stream and answers it once its head is there. @throws as `ask`. */
  async open<N extends CallName>(
    name: N,
    said: Said<N> & { readonly media: string },
    end: CallEnd,
  ): Promise<IncomingMessage> {
    const { media, headers } = said
    return await this.#tries(name, { ...said, headers: { ...headers, accept: media } }, end, async (answer) => {
      await demandGood(answer, media, this.url)
      return answer
    })
  }

  async #tries<N extends CallName, T>(
    name: N,
    said: Said<N>,
    end: CallEnd,
    take: (answer: IncomingMessage) => Promise<T>,
  ): Promise<T> {
    const call: ServerCall = serverCalls[name]
    const path = pathOf(name, call, said)
    // One id for all tries: they are one request.
    const requestId = randomUUID()
    this.#policy.begin()
    for (let earlier = 0; ; earlier++) {
      let answer: IncomingMessage | undefined
      try {
        answer = await this.#connections.send(outgoing(call, path, said, { requestId, end }), end.signal)
        return await take(answer)
      } catch (thrown) {
        const error = this.#errorOf(thrown, end)
        if (end.reason !== undefined) throw error
        const waitMs = this.#policy.waitMs({
          earlier,
          mayRepeat: mayRepeat(call, thrown, answer?.statusCode),
          retryAfterMs: retryAfterMs(answer?.headers['retry-after'], Date.now()),
          leftMs: end.leftMs,
        })
        if (waitMs === undefined) throw error
        await end.sleep(waitMs)
      }
    }
  }

  /** What a try threw, as an error of the table: why the call ended, where it did. */
  #errorOf(thrown: unknown, end: CallEnd): ProvenderError {
    if (end.reason !== undefined) return end.reason
    if (thrown instanceof Unanswered) return thrown.error
    return isProvenderError(thrown) ? thrown : unreachable(this.url, thrown)
  }

  [Symbol.dispose](): void {
    this.#closing.abort(fail('CLOSED', 'The store is closed'))
    this.#connections[Symbol.dispose]()
  }
}

/** What never left may be sent again; what may have been done, only where doing it twice is doing it once, and another try may go well. */
function mayRepeat(call: ServerCall, thrown: unknown, status: number | undefined): boolean {
  if (thrown instanceof Unanswered) return thrown.isUnsent || call.repeats
  // An answer that was cut off, or the word of the server, or of what stands before it, that it could not.
  return call.repeats && (!isProvenderError(thrown) || (status !== undefined && passing.has(status)))
}

const passing: ReadonlySet<number> = new Set([429, 502, 503])

function outgoing(
  call: ServerCall,
  path: string,
  { body, headers }: Said,
  { requestId, end }: { readonly requestId: string; readonly end: CallEnd },
): Outgoing {
  const timeoutMs = end.headerMs
  const isText = typeof body === 'string'
  return {
    method: call.method,
    path,
    body: body === undefined || isText ? body : body.open(),
    headers: {
      accept: 'application/json',
      'x-request-id': requestId,
      ...(timeoutMs === undefined ? {} : { 'x-timeout-ms': String(timeoutMs) }),
      ...(body === undefined
        ? {}
        : isText
          ? { 'content-type': 'application/json' }
          : { 'content-type': body.media, 'content-length': String(body.bytes) }),
      ...headers,
    },
  }
}

/** @throws UNKNOWN_NAME for a name that no path has room for. */
function pathOf(name: CallName, call: ServerCall, { params, query }: Said): string {
  const given = params as Readonly<Record<string, string>> | undefined
  const path = call.path.replaceAll(/\{(\w+)\}/g, (_, parameter: string) => segmentOf(name, given?.[parameter] ?? ''))
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(query ?? {}))
    for (const each of typeof value === 'string' ? [value] : (value ?? [])) search.append(key, each)
  return search.size === 0 ? path : `${path}?${search.toString()}`
}

function segmentOf(name: CallName, text: string): string {
  if (text === '' || !text.isWellFormed()) throw fail('UNKNOWN_NAME', `There is no "${text.toWellFormed()}" to ${name}`)
  // Dots alone would be taken for steps in the path.
  return /^\.{1,2}$/.test(text) ? text.replaceAll('.', '%2E') : encodeURIComponent(text)
}
