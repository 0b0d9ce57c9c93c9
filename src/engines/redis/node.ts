import { Redis, type RedisOptions } from 'ioredis'
import { abandonable } from '../../kernel/abandon.ts'
import { type Call, checkCall } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { explainRedis } from './failure.ts'
import type { Script } from './scripts.ts'

/** Times in milliseconds. The driver's own are to wait without end. */
const waits = Object.freeze({
  /** For a connection. */
  connectMs: 1_000,
  /** For an answer, unless the call says otherwise. */
  answerMs: 5_000,
  /** Between two tries to connect, at most. */
  reconnectMs: 500,
  /** How long nobody asks a server that does not answer, until somebody tries again. */
  openMs: 250,
})

/** Failures in a row after which a server is not asked for a while. */
const patience = 3

export type Argument = string | Buffer

/** A call that may say how long its answer is waited for. */
export interface Asking extends Call {
  readonly waitMs?: number
}

/** Where a server is, and as whom it is asked. */
export type ServerOptions = Pick<RedisOptions, 'host' | 'port' | 'username' | 'password' | 'db' | 'tls'>

/** One Redis server: a connection for look-ups, and one for all else, so that no look-up stands behind a load. */
export class RedisNode implements AsyncDisposable {
  readonly name: string
  readonly #reads: Connected
  readonly #writes: Connected
  #failures = 0
  #closedUntilMs = 0

  constructor(name: string, options: ServerOptions) {
    this.name = name
    this.#reads = connected(options)
    this.#writes = connected(options)
  }

  /** Runs a script. @throws as `explainRedis`; DEADLINE_EXCEEDED, INTERRUPTED. What was sent may still be done. */
  async run(script: Script, keys: readonly Argument[], args: readonly Argument[], call?: Asking): Promise<unknown> {
    const command = script.reads ? 'EVALSHA_RO' : 'EVALSHA'
    return this.#ask(script.reads, call, async (redis) => {
      const rest = [keys.length, ...keys, ...args]
      try {
        return await redis.callBuffer(command, script.sha, ...rest)
      } catch (thrown) {
        if (!(thrown instanceof Error) || !thrown.message.startsWith('NOSCRIPT')) throw thrown
        // EVAL keeps the script; after a restart or a failover it is gone.
        await redis.call('SCRIPT', 'LOAD', script.text)
        return redis.callBuffer(command, script.sha, ...rest)
      }
    })
  }

  /** Runs a script on a server that is only just being given a key. */
  async runAsking(script: Script, key: Argument, args: readonly Argument[], call?: Asking): Promise<unknown> {
    return this.#ask(script.reads, call, async (redis) => {
      await redis.call('SCRIPT', 'LOAD', script.text)
      // Both leave in one turn, so nothing comes between them.
      const asking = redis.call('ASKING')
      const answer = redis.callBuffer(script.reads ? 'EVALSHA_RO' : 'EVALSHA', script.sha, 1, key, ...args)
      return (await Promise.all([asking, answer]))[1]
    })
  }

  /** Keys that match a pattern, some at a time; the cursor to go on with is 0 at the end. */
  async scan(cursor: string, pattern: string, count: number, call?: Asking): Promise<{ next: string; keys: Buffer[] }> {
    const [next, keys] = await this.#ask(false, call, (redis) =>
      redis.scanBuffer(cursor, 'MATCH', pattern, 'COUNT', count),
    )
    return { next: next.toString(), keys }
  }

  /** Asks a server for something small. */
  async ask(call: Asking | undefined, command: string, ...args: string[]): Promise<unknown> {
    return this.#ask(false, call, (redis) => redis.call(command, ...args))
  }

  async #ask<T>(reads: boolean, call: Asking | undefined, work: (redis: Redis) => Promise<T>): Promise<T> {
    checkCall(call)
    if (performance.now() < this.#closedUntilMs)
      throw fail('STORE_UNREACHABLE', `The online store ${this.name} does not answer`)
    // One at a time tries whether it is back.
    if (this.#failures >= patience) this.#closedUntilMs = performance.now() + waits.openMs
    const connection = reads ? this.#reads : this.#writes
    const waitMs = call?.waitMs ?? waits.answerMs
    try {
      const answer = await abandonable(within(waitMs, this.name, asked(connection, work)), call)
      this.#failures = 0
      this.#closedUntilMs = 0
      return answer
    } catch (thrown) {
      const error = explainRedis(this.name, thrown)
      if (error.code === 'STORE_UNREACHABLE') this.#failures += 1
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#reads.redis.disconnect()
    this.#writes.redis.disconnect()
  }
}

/** A connection that opens itself again and again; `ready` is renewed each time it is lost. */
interface Connected {
  readonly redis: Redis
  ready: Promise<void>
}

function connected(options: ServerOptions): Connected {
  const redis = new Redis({
    ...options,
    connectTimeout: waits.connectMs,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(20 * 2 ** Math.min(times, 10), waits.reconnectMs),
    keepAlive: 10_000,
  })
  const connection: Connected = { redis, ready: readyOf(redis) }
  // Who asks while it is lost is told by that; nobody else needs to know.
  redis.on('error', () => undefined)
  redis.on('close', () => {
    connection.ready = readyOf(redis)
  })
  return connection
}

async function readyOf(redis: Redis): Promise<void> {
  await new Promise<void>((resolve) => redis.once('ready', resolve))
}

async function asked<T>({ redis, ready }: Connected, work: (redis: Redis) => Promise<T>): Promise<T> {
  if (redis.status !== 'ready') await ready
  return work(redis)
}

/** Gives up waiting after a while. */
async function within<T>(waitMs: number, name: string, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const giveUp = (): void =>
    reject(fail('STORE_UNREACHABLE', `The online store ${name} did not answer within ${waitMs} ms`))
  // An answer may lie there unread, where this process was busy: it comes before this.
  const timer = setTimeout(() => setImmediate(giveUp), waitMs)
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
