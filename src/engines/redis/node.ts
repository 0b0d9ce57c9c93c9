import type { Redis } from 'ioredis'
import { abandonable } from '../../kernel/abandon.ts'
import { checkCall } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import type { WriteCall } from '../../ports/online.ts'
import { type ReplicaWait, confirmations } from './confirmations.ts'
import { Connection, type ServerOptions } from './connection.ts'
import { explainRedis, isSilence } from './failure.ts'
import type { Script } from './scripts.ts'
import { type Listening, Tracker } from './tracker.ts'

/** Times in milliseconds. */
const waits = Object.freeze({
  /** For an answer, unless the call says otherwise. */
  answerMs: 5_000,
  /** For a connection to be there: a server that is gone may have been replaced meanwhile. */
  connectMs: 1_000,
  /** How long nobody asks a server that does not answer, until somebody tries again. */
  openMs: 250,
  /** Before the deadline of a call, so that who asked is told that the store is away rather than that time is up. */
  marginMs: 30,
})

/** Failures in a row after which a server is not asked for a while. */
const patience = 3

export type Argument = string | Buffer

/** A call that may say how long its answer is waited for. */
export interface Asking extends WriteCall {
  readonly waitMs?: number
}

/** Where a server is, as whom it is asked, and which replicas are waited for. */
export interface NodeOptions extends ServerOptions {
  readonly wait?: ReplicaWait
  /** Who is told of changes. */
  readonly listening?: Listening
}

/** A connection for what somebody is told of, and how to know that replicas have it. */
interface Confirmed {
  readonly connection: Connection
  readonly confirm: (life: number) => Promise<void>
}

/**
 * One Redis server: a connection for look-ups, and one for all else, so that no look-up stands behind a load; where replicas are waited
 * for, a third for what is written then.
 */
export class RedisNode implements AsyncDisposable {
  readonly name: string
  /** What tells of changes, where somebody wants to know. */
  readonly tracker: Tracker | undefined
  readonly #reads: Connection
  readonly #writes: Connection
  readonly #confirmed: Confirmed | undefined
  #failures = 0
  #closedUntilMs = 0

  constructor(name: string, { wait, listening, ...options }: NodeOptions) {
    this.name = name
    this.#reads = new Connection(name, options)
    this.#writes = new Connection(name, options)
    this.tracker = listening === undefined ? undefined : new Tracker(name, options, this.#reads, listening)
    if (wait === undefined) return
    const connection = new Connection(name, options)
    this.#confirmed = { connection, confirm: confirmations(name, connection, wait) }
  }

  /** Whether there is a connection to it, for what is not a look-up. */
  get open(): boolean {
    return this.#writes.open
  }

  /** Runs a script. @throws as `explainRedis`; NOT_REPLICATED; DEADLINE_EXCEEDED, INTERRUPTED. What was sent may still be done. */
  run(script: Script, keys: readonly Argument[], args: readonly Argument[], call?: Asking): Promise<unknown> {
    const command = script.reads ? 'EVALSHA_RO' : 'EVALSHA'
    return this.#write(script, call, async (redis) => {
      const rest = [keys.length, ...keys, ...args]
      try {
        return await redis.callBuffer(command, script.sha, ...rest)
      } catch (thrown) {
        if (!(thrown instanceof Error) || !thrown.message.startsWith('NOSCRIPT')) throw thrown
        // A server that was started again, or took over, does not know it.
        await redis.call('SCRIPT', 'LOAD', script.text)
        return redis.callBuffer(command, script.sha, ...rest)
      }
    })
  }

  /** Runs a script on a server that is only just being given a key. */
  async runAsking(script: Script, key: Argument, args: readonly Argument[], call?: Asking): Promise<unknown> {
    return this.#write(script, call, async (redis) => {
      await redis.call('SCRIPT', 'LOAD', script.text)
      // Both leave in one turn, so nothing comes between them.
      const asking = redis.call('ASKING')
      const answer = redis.callBuffer(script.reads ? 'EVALSHA_RO' : 'EVALSHA', script.sha, 1, key, ...args)
      return (await Promise.all([asking, answer]))[1]
    })
  }

  #write(script: Script, call: Asking | undefined, work: (redis: Redis) => Promise<unknown>): Promise<unknown> {
    if (script.reads) return this.#ask(this.#reads, call, work)
    if (call?.acknowledged !== true || this.#confirmed === undefined) return this.#ask(this.#writes, call, work)
    const { connection, confirm } = this.#confirmed
    return this.#ask(connection, call, async (redis) => {
      const { life } = connection
      const answer = await work(redis)
      await confirm(life)
      return answer
    })
  }

  /** Keys that match a pattern, some at a time; the cursor to go on with is 0 at the end. */
  async scan(cursor: string, pattern: string, count: number, call?: Asking): Promise<{ next: string; keys: Buffer[] }> {
    const [next, keys] = await this.#ask(this.#writes, call, (redis) =>
      redis.scanBuffer(cursor, 'MATCH', pattern, 'COUNT', count),
    )
    return { next: next.toString(), keys }
  }

  /** Asks a server for something small. */
  async ask(call: Asking | undefined, command: string, ...args: string[]): Promise<unknown> {
    return this.#ask(this.#writes, call, (redis) => redis.call(command, ...args))
  }

  async #ask<T>(connection: Connection, call: Asking | undefined, work: (redis: Redis) => Promise<T>): Promise<T> {
    checkCall(call)
    if (performance.now() < this.#closedUntilMs)
      throw connection.failure ?? fail('STORE_UNREACHABLE', `The online store ${this.name} does not answer`)
    // One at a time tries whether it is back.
    if (this.#failures >= patience) this.#closedUntilMs = performance.now() + waits.openMs
    try {
      const answer = await abandonable(within(connection, waitOf(call), work), call)
      this.#failures = 0
      this.#closedUntilMs = 0
      return answer
    } catch (thrown) {
      if (isSilence(thrown)) this.#failures += 1
      throw explainRedis(this.name, thrown)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.tracker?.[Symbol.dispose]()
    this.#reads[Symbol.dispose]()
    this.#writes[Symbol.dispose]()
    this.#confirmed?.connection[Symbol.dispose]()
  }
}

function waitOf(call: Asking | undefined): number {
  const usualMs = call?.waitMs ?? waits.answerMs
  if (call?.deadlineAtMs === undefined) return usualMs
  const leftMs = call.deadlineAtMs - Date.now()
  return leftMs > 2 * waits.marginMs ? Math.min(usualMs, leftMs - waits.marginMs) : usualMs
}

/** Does it on a connection, and gives up after a while: what was not sent until then never is. */
function within<T>(connection: Connection, waitMs: number, work: (redis: Redis) => Promise<T>): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  let over = false
  const sent = async (): Promise<T> => {
    if (connection.failure?.code === 'STORE_UNFIT') throw connection.failure
    await connection.opened()
    return over ? promise : work(connection.redis)
  }
  const wasOpen = connection.open
  const answer = wasOpen ? work(connection.redis) : sent()
  const end = (): void => {
    clearTimeout(timer)
    clearTimeout(opening)
  }
  const giveUp = (): void => {
    over = true
    end()
    reject(connection.lateness(waitMs))
  }
  // An answer may lie there unread, where this process was busy: it comes before this.
  const timer = setTimeout(() => setImmediate(giveUp), waitMs)
  const unless = (): void => {
    if (!connection.open) giveUp()
  }
  const opening = wasOpen ? undefined : setTimeout(unless, Math.min(waitMs, waits.connectMs))
  answer.then(
    (given) => {
      end()
      resolve(given)
    },
    (thrown: unknown) => {
      end()
      reject(thrown)
    },
  )
  return promise
}
