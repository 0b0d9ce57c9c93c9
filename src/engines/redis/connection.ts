import { Redis, type RedisOptions } from 'ioredis'
import { type ProvenderError, fail } from '../../kernel/errors.ts'
import { explainRedis, withoutCommand } from './failure.ts'
import { factsOf, refusalOf } from './fitness.ts'

/** Times in milliseconds. The driver's own are to wait without end. */
const waits = Object.freeze({
  /** For a connection. */
  connectMs: 1_000,
  /** Between two tries to connect, at most. */
  reconnectMs: 500,
  /** Until a connection that says nothing, though it was asked, is given up: its other end may be gone without a word. */
  silentMs: 6_000,
  /** Until a server that may not be used is looked at again. */
  refusedMs: 1_000,
})

/** Where a server is, and as whom it is asked. */
export type ServerOptions = Pick<RedisOptions, 'host' | 'port' | 'username' | 'password' | 'db' | 'tls'>

/** A connection that opens itself again and again, to a server that may be used. */
export class Connection implements Disposable {
  readonly redis: Redis
  readonly #name: string
  #open = false
  #life = 0
  #opening = Promise.withResolvers<void>()
  #failure: ProvenderError | undefined
  #again: NodeJS.Timeout | undefined

  constructor(name: string, options: ServerOptions, extra: Pick<RedisOptions, 'protocol' | 'autoResubscribe'> = {}) {
    this.#name = name
    this.redis = new Redis({
      ...options,
      connectTimeout: waits.connectMs,
      socketTimeout: waits.silentMs,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      retryStrategy: (times: number) => Math.min(20 * 2 ** Math.min(times, 10), waits.reconnectMs),
      keepAlive: 10_000,
      ...extra,
    })
    // Whoever asks while it is lost is told what is wrong; nobody else needs to know.
    this.redis.on('error', (thrown: unknown) => (this.#failure = explainRedis(name, thrown)))
    this.redis.on('ready', () => void this.#admit())
    this.redis.on('close', () => {
      clearTimeout(this.#again)
      if (this.#open) this.#opening = Promise.withResolvers()
      this.#open = false
      this.#life += 1
      this.onLost?.()
    })
  }

  /** Called when it has been opened, and each time that it is lost. */
  onOpen: (() => void) | undefined
  onLost: (() => void) | undefined

  /** Which one of its lives this is: it begins another each time that it is lost. */
  get life(): number {
    return this.#life
  }

  /** Whether it is open. */
  get open(): boolean {
    return this.#open
  }

  /** Settles when it is open. */
  async opened(): Promise<void> {
    while (!this.#open) await this.#opening.promise
  }

  /** Why it is not open, where that is known. */
  get failure(): ProvenderError | undefined {
    return this.#open ? undefined : this.#failure
  }

  /** What is told to those who waited in vain. */
  lateness(waitMs: number): ProvenderError {
    return (
      this.failure ??
      fail('STORE_UNREACHABLE', `The online store ${this.#name} did not answer within ${Math.round(waitMs)} ms`)
    )
  }

  /** A server that would lose rows by itself, or cannot run what is asked of it, is not used: until somebody has set it right. */
  async #admit(): Promise<void> {
    const { redis } = this
    try {
      const refusal = refusalOf(this.#name, factsOf(String(await redis.info())))
      if (redis.status !== 'ready') return
      if (refusal !== undefined) {
        this.#failure = refusal
        this.#again = setTimeout(() => void this.#admit(), waits.refusedMs).unref()
        return
      }
    } catch (thrown) {
      this.#failure = explainRedis(this.#name, withoutCommand(thrown))
      if (redis.status === 'ready') this.#again = setTimeout(() => void this.#admit(), waits.refusedMs).unref()
      return
    }
    this.#open = true
    this.#failure = undefined
    this.#opening.resolve()
    this.onOpen?.()
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#again)
    this.redis.disconnect()
  }
}
