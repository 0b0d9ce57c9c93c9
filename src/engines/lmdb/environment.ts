import { performance } from 'node:perf_hooks'
import { mkdirSync, realpathSync } from 'node:fs'
import type { Call } from '../../kernel/call.ts'
import { checkCall } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { type Databases, isInPlace, openDatabases } from './databases.ts'
import { isReadersFull, storeFailure } from './failure.ts'

/** Part of a job: works until it is done (true) or the time on `performance.now()` has come (false). It begins anew in another file. */
export type Step<T> = (databases: Databases, untilMs: number) => { readonly done: T } | undefined

interface Job {
  /** Makes the step from the start. */
  readonly begin: () => Step<unknown>
  step: Step<unknown>
  readonly settle: (outcome: { readonly done: unknown } | { readonly failed: unknown }) => void
}

/** How long a transaction may hold the lock that all processes share: longer ones make other writers wait (100 ms were seen with 10,000 rows). */
const sliceMs = 4
/** How long reads may go on in a file that was replaced. Marks and writes look each time. */
const readsTrustFileMs = 500
/** How long reads within one turn of the event loop may see one state: a loop that only reads never ends its turn. */
const stateKeptMs = 1

/**
 * The open file of one folder in one process, shared by all handles on it: two would wait for each other's
 * lock on one thread. Writes of all callers queue here and share transactions.
 */
export class Environment {
  readonly #folder: string
  readonly #file: string
  readonly #queue: Job[] = []
  #databases: Databases | undefined
  #lookedAtMs = 0
  /** When the state that reads see was taken; undefined where the next read takes it anew. */
  #seenAtMs: number | undefined
  /** In which turn of the event loop that was. (To be told of its end by `setImmediate` would cost a system call a turn.) */
  #seenIn = 0
  /** Whoever writes or reopens holds it; a chain of those that wait. */
  #turn: Promise<unknown> = Promise.resolve()
  #draining: Promise<void> | undefined
  #handles = 0
  #closed = false

  private constructor(folder: string) {
    this.#folder = folder
    this.#file = `${folder}/data.mdb`
  }

  static readonly #shared = new Map<string, Environment>()

  /** The environment of a folder, opened. Each `open` needs a `close`. */
  static async open(folder: string): Promise<Environment> {
    const path = await realFolder(folder)
    const environment = Environment.#shared.get(path) ?? new Environment(path)
    Environment.#shared.set(path, environment)
    environment.#handles++
    try {
      await environment.current()
    } catch (thrown) {
      await environment.close()
      throw thrown
    }
    return environment
  }

  async close(): Promise<void> {
    this.#handles--
    if (this.#handles > 0) return
    await this.#draining
    await this.#exclusive(async () => {
      if (this.#handles > 0) return // somebody opened it again meanwhile
      Environment.#shared.delete(this.#folder)
      this.#closed = true
      await this.#closeFile()
    })
  }

  /** The databases of the file that lies at the path now; opens that file if it is another one than before. */
  async current(): Promise<Databases> {
    const databases = this.#databases
    if (databases !== undefined && isInPlace(databases)) return this.#looked(databases)
    return this.#exclusive(async () => this.#inPlace())
  }

  /** Reads in the file that lies at the path now, at the newest state that any process has committed. `body` must not wait. */
  async read<T>(body: (databases: Databases) => T): Promise<T> {
    try {
      for (;;) {
        const databases = await this.current()
        if (databases !== this.#databases) continue
        this.#seenAtMs = undefined
        return this.#readNow(databases, performance.now(), body)
      }
    } catch (thrown) {
      throw await storeFailure(thrown, this.#file)
    }
  }

  /**
   * As `read`, for who reads often: at once where it can, in the file that lay there moments ago, at the state that was the
   * newest at the first read of this turn of the event loop or a millisecond ago. One's own writes are always seen.
   */
  readHot<T>(body: (databases: Databases) => T): T | Promise<T> {
    const nowMs = performance.now()
    const databases = this.#databases
    if (databases === undefined || nowMs - this.#lookedAtMs >= readsTrustFileMs) return this.read(body)
    try {
      return this.#readNow(databases, nowMs, body)
    } catch (thrown) {
      return storeFailure(thrown, this.#file).then((failed) => {
        throw failed
      })
    }
  }

  /** Taking the newest state costs as much as reading a row. What others commit in between, nobody here can have heard of. */
  #readNow<T>(databases: Databases, nowMs: number, body: (databases: Databases) => T): T {
    const { loopCount } = performance.nodeTiming.uvMetricsInfo
    if (this.#seenAtMs === undefined || this.#seenIn !== loopCount || nowMs - this.#seenAtMs >= stateKeptMs) {
      this.#seenAtMs = nowMs
      this.#seenIn = loopCount
      databases.root.resetReadTxn()
    }
    try {
      return body(databases)
    } catch (thrown) {
      if (!isReadersFull(thrown)) throw thrown
      databases.root.readerCheck() // frees the places of processes that were killed
      return body(databases)
    }
  }

  /**
   * Runs a job in write transactions, several where it is long, between which others get their turn. Durable when answered.
   * @throws DEADLINE_EXCEEDED, INTERRUPTED (what was done may stay), STORE_FULL, STORE_UNREACHABLE, CORRUPT_STORE.
   */
  async write<T>(call: Call | undefined, begin: () => Step<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const job: Job = {
      begin,
      step: begin(),
      settle: (outcome) => {
        release()
        if ('done' in outcome) resolve(outcome.done as T)
        else reject(outcome.failed instanceof Error ? outcome.failed : new Error(String(outcome.failed)))
      },
    }
    const release = endEarly(call, (failed) => {
      const at = this.#queue.indexOf(job)
      if (at >= 0) this.#queue.splice(at, 1)
      job.settle({ failed })
    })
    this.#queue.push(job)
    this.#draining ??= this.#drain()
    return promise
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) await this.#exclusive(async () => this.#transact())
    this.#draining = undefined
  }

  /** One transaction: as many steps of as many jobs as fit the slice. */
  async #transact(): Promise<void> {
    const settled: (() => void)[] = []
    const touched = new Set<Job>()
    try {
      const databases = await this.#inPlace()
      await databases.root.transaction(() => {
        if (isInPlace(databases)) this.#steps(databases, touched, settled)
      })
    } catch (thrown) {
      const failed = await storeFailure(thrown, this.#file)
      // Without a file nobody can go on; after a failed commit LMDB refuses to until it is opened again.
      const lost = this.#databases === undefined ? this.#queue.splice(0) : [...touched]
      for (const job of lost) {
        if (this.#queue.includes(job)) this.#queue.splice(this.#queue.indexOf(job), 1)
        job.settle({ failed })
      }
      await this.#closeFile()
      return
    }
    this.#seenAtMs = undefined
    for (const settle of settled) settle()
  }

  #steps(databases: Databases, touched: Set<Job>, settled: (() => void)[]): void {
    const untilMs = performance.now() + sliceMs
    do {
      const job = this.#queue.shift()
      if (job === undefined) return
      touched.add(job)
      try {
        const outcome = job.step(databases, untilMs)
        if (outcome === undefined) this.#queue.push(job)
        else settled.push(() => job.settle(outcome))
      } catch (failed) {
        settled.push(() => job.settle({ failed }))
      }
    } while (performance.now() < untilMs)
  }

  async #exclusive<T>(body: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(body, body)
    this.#turn = mine.catch(() => undefined)
    return mine
  }

  /** Only for who holds the turn. */
  async #inPlace(): Promise<Databases> {
    if (this.#closed) throw fail('CLOSED', 'The online store is closed')
    if (this.#databases !== undefined && !isInPlace(this.#databases)) {
      await this.#closeFile()
      for (const job of this.#queue) job.step = job.begin()
    }
    this.#databases ??= await openDatabases(this.#folder)
    return this.#looked(this.#databases)
  }

  #looked(databases: Databases): Databases {
    this.#lookedAtMs = performance.now()
    return databases
  }

  async #closeFile(): Promise<void> {
    const databases = this.#databases
    this.#databases = undefined
    this.#seenAtMs = undefined
    // What lmdb has to say while it closes a file that it gave up on is known already.
    await databases?.root.close().catch(() => undefined)
  }
}

async function realFolder(folder: string): Promise<string> {
  try {
    mkdirSync(folder, { recursive: true })
    return realpathSync(folder)
  } catch (thrown) {
    throw await storeFailure(thrown, folder)
  }
}

/** Calls back once when the call is aborted or its deadline comes; answers what stops listening. */
function endEarly(call: Call | undefined, end: (failed: unknown) => void): () => void {
  const { signal, deadlineAtMs } = call ?? {}
  const ended = (): void => {
    release()
    end(endOf(call))
  }
  const timer = deadlineAtMs === undefined ? undefined : setTimeout(ended, Math.max(0, deadlineAtMs - Date.now()) + 1)
  const release = (): void => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', ended)
  }
  signal?.addEventListener('abort', ended, { once: true })
  return release
}

function endOf(call: Call | undefined): unknown {
  try {
    checkCall(call)
    return fail('DEADLINE_EXCEEDED', 'The deadline passed while the online store was written')
  } catch (thrown) {
    return thrown
  }
}
