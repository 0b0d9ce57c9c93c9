import { Connection, type ServerOptions } from './connection.ts'

/** What a server says on the connection that it tells of changes on: keys that somebody wrote, or null where all were forgotten. */
export type Told = (keys: readonly Buffer[] | null) => void

/** Who wants to hear of changes, and to keys of which beginning. */
export interface Listening {
  readonly prefix: string
  readonly changed: Told
}

const channel = '__redis__:invalidate'

const waits = Object.freeze({
  /** Until a server that did not want to be asked is asked again. */
  againMs: 1_000,
  /** Between two signs of life on the connection that only listens. */
  pingMs: 5_000,
})

/** Told changes of one window that make a flood: a bulk load, of which to hear is more work than to read again. */
const floodKeys = 5_000
const floodWindowMs = 250
const pauseMs = 1_000

/**
 * Lets a server tell of changes, on a connection that only listens, for as long as another one is open that reads (CLIENT TRACKING). While both are,
 * and the server has been told so, there is an epoch: what was read in it, and is not told of, is as it was. What was read in an earlier one may not be.
 */
export class Tracker implements Disposable {
  readonly #reads: Connection
  readonly #told: Connection
  readonly #prefix: string
  readonly #changed: Told
  #epochs = 0
  #epoch: number | undefined
  /** The server's name of the connection that listens. */
  #listener: number | undefined
  #again: NodeJS.Timeout | undefined
  readonly #pings: NodeJS.Timeout
  #window = { endsAtMs: 0, keys: 0 }
  #closed = false

  constructor(name: string, options: ServerOptions, reads: Connection, { prefix, changed }: Listening) {
    this.#reads = reads
    this.#prefix = prefix
    this.#changed = changed
    // The older protocol: the driver hands on messages of a channel, but not what the newer one tells by itself.
    this.#told = new Connection(name, options, { protocol: 2, autoResubscribe: false })
    this.#told.onOpen = () => void this.#listen()
    this.#told.onLost = () => {
      this.#listener = undefined
      this.#end()
    }
    reads.onOpen = () => void this.#begin()
    reads.onLost = () => this.#end()
    this.#told.redis.on('messageBuffer', (_: Buffer, keys: unknown) => this.#hear(keys))
    this.#pings = setInterval(() => {
      if (this.#told.open) this.#told.redis.ping().catch(() => undefined)
    }, waits.pingMs).unref()
  }

  /** The epoch that it is; undefined while nobody tells of changes. */
  get epoch(): number | undefined {
    return this.#epoch
  }

  /** Ends an epoch, though nothing was lost: what was read may have come from elsewhere. */
  distrust(): void {
    if (this.#epoch !== undefined) this.#epoch = ++this.#epochs
  }

  async #listen(): Promise<void> {
    const told = this.#told
    const { life } = told
    try {
      const listener = Number(await told.redis.client('ID'))
      await told.redis.subscribe(channel)
      if (told.life !== life) return
      this.#listener = listener
      await this.#begin()
    } catch {
      if (told.life === life) this.#later(() => this.#listen(), waits.againMs)
    }
  }

  /** Each time that both are open anew: the server forgets with the connection that it was read on. */
  async #begin(): Promise<void> {
    this.#end()
    const [reads, told, listener] = [this.#reads, this.#told, this.#listener]
    if (!reads.open || listener === undefined) return
    const lives = [reads.life, told.life]
    const same = (): boolean => reads.life === lives[0] && told.life === lives[1]
    try {
      // Of all keys that begin so: what a script looks at, Redis 7.0 does not remember by itself.
      const of = ['BCAST', 'PREFIX', this.#prefix]
      await reads.redis.call('CLIENT', 'TRACKING', 'OFF')
      await reads.redis.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', listener, ...of)
      if (same()) this.#epoch = ++this.#epochs
    } catch {
      if (same()) this.#later(() => this.#begin(), waits.againMs)
    }
  }

  #end(): void {
    clearTimeout(this.#again)
    this.#epoch = undefined
  }

  #later(work: () => Promise<void>, afterMs: number): void {
    if (this.#closed) return
    clearTimeout(this.#again)
    this.#again = setTimeout(() => void work(), afterMs).unref()
  }

  #hear(keys: unknown): void {
    if (!Array.isArray(keys)) {
      this.#changed(null)
      return
    }
    this.#changed(keys as Buffer[])
    const nowMs = performance.now()
    if (nowMs > this.#window.endsAtMs) this.#window = { endsAtMs: nowMs + floodWindowMs, keys: 0 }
    this.#window.keys += keys.length
    if (this.#window.keys > floodKeys && this.#epoch !== undefined) this.#pause()
  }

  /** Keeps nothing for a while: what is written in bulk would be dropped as soon as it is read. */
  #pause(): void {
    this.#end()
    this.#reads.redis.call('CLIENT', 'TRACKING', 'OFF').catch(() => undefined)
    this.#later(() => this.#begin(), pauseMs)
  }

  [Symbol.dispose](): void {
    this.#closed = true
    this.#end()
    clearInterval(this.#pings)
    this.#told[Symbol.dispose]()
  }
}
