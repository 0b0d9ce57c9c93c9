import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import type { Readable } from 'node:stream'
import { type ProvenderError, fail } from '../kernel/errors.ts'
import { clientLimits } from './client-limits.ts'

/** Where a server is, and who asks it. */
export interface Server {
  readonly url: URL
  /** Sent as a bearer's. */
  readonly token: string | undefined
}

/** One request as it goes out. */
export interface Outgoing {
  readonly method: string
  /** With the query string. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Readable | undefined
}

/** A request that got no answer. */
export class Unanswered extends Error {
  /** Whether nothing of it can have reached the server. */
  readonly isUnsent: boolean
  readonly error: ProvenderError

  constructor(error: ProvenderError, isUnsent: boolean) {
    super(error.message)
    this.error = error
    this.isUnsent = isUnsent
  }
}

/**
 * Connections to one server, kept open between requests. Over node:http and not fetch: that took 8 times the processor time a call, and tells
 * neither whether a request left nor how it was cut off.
 */
export class Connections implements Disposable {
  readonly #server: Server
  readonly #base: string
  readonly #agent: Agent
  readonly #request: (options: RequestOptions) => ClientRequest

  private constructor(server: Server, agent: Agent, request: (options: RequestOptions) => ClientRequest) {
    this.#server = server
    this.#base = server.url.pathname.replace(/\/$/, '')
    this.#agent = agent
    this.#request = request
  }

  static async open(server: Server): Promise<Connections> {
    const { Agent, request } = server.url.protocol === 'https:' ? await import('node:https') : await import('node:http')
    const agent = new Agent({
      keepAlive: true,
      timeout: clientLimits.idleMs,
      maxSockets: clientLimits.connections,
      // The connection used last is the one that a server closes last.
      scheduling: 'lifo',
    })
    return new Connections(server, agent, (options) => request(options))
  }

  /** Sends a request and answers the head of what comes back; its body is still to be read, and the signal ends that too. @throws Unanswered; the signal's reason. */
  async send(outgoing: Outgoing, signal: AbortSignal): Promise<IncomingMessage> {
    const { body } = outgoing
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const request = this.#request(this.#optionsOf(outgoing))
    let isConnected = false
    request.on('socket', (socket) => {
      isConnected = !socket.connecting
      if (isConnected) return
      const late = (): unknown => request.destroy(new Error(`no connection within ${clientLimits.connectMs} ms`))
      const timer = setTimeout(late, clientLimits.connectMs)
      socket.once('close', () => clearTimeout(timer))
      socket.once('connect', () => {
        isConnected = true
        clearTimeout(timer)
      })
    })
    // The signal lives as long as the call. (As an option of the request it took 20 µs more.)
    signal.addEventListener('abort', () => request.destroy())
    // Both come again for what is read after the head; the promise is settled by then.
    request.on('response', resolve)
    request.on('error', (thrown) => {
      if (signal.aborted) reject(signal.reason)
      else reject(new Unanswered(unreachable(this.#server.url, thrown), !isConnected))
    })
    if (body === undefined || typeof body === 'string') request.end(body)
    else
      body
        .on('error', (thrown) => {
          reject(fail('SOURCE_UNREADABLE', `What is sent cannot be read: ${thrown.message}`, { cause: thrown }))
          request.destroy()
        })
        .pipe(request)
    try {
      return await promise
    } finally {
      // An answer before the end of the body: the rest is of no interest.
      if (typeof body === 'object' && !body.readableEnded) body.destroy()
    }
  }

  #optionsOf({ method, path, headers, body }: Outgoing): RequestOptions {
    const { url, token } = this.#server
    return {
      method,
      protocol: url.protocol,
      hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: url.port,
      path: this.#base + path,
      agent: this.#agent,
      maxHeaderSize: clientLimits.headerBytes,
      headers: {
        ...headers,
        ...(typeof body === 'string' ? { 'content-length': String(Buffer.byteLength(body)) } : {}),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
    }
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }
}

/** The error for a server that does not answer as one. */
export const unreachable = (url: URL, thrown: unknown): ProvenderError =>
  fail('STORE_UNREACHABLE', `${url.origin} cannot be reached: ${reasonOf(thrown)}`, {
    cause: thrown,
    remedy: 'Check the URL, and that  provender serve  runs there.',
  })

function reasonOf(thrown: unknown): string {
  // A host of several addresses: each failed in its own way.
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return reasonOf(thrown.errors[0])
  return thrown instanceof Error && thrown.message !== '' ? thrown.message : String(thrown)
}
