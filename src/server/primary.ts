import cluster, { type Worker } from 'node:cluster'
import { createServer } from 'node:net'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Problem, type ProvenderError, fail } from '../kernel/errors.ts'
import { hardExitMs, notEnded } from './hard-exit.ts'
import type { Family } from './metric-family.ts'
import { PartsOfWorkers } from './worker-parts.ts'
import type { RunningServer } from './start.ts'
import type { ToPrimary, ToWorker, WorkerOrder } from './worker-messages.ts'

/** How several processes serve one repository. */
export interface PrimaryOptions extends Omit<WorkerOrder, 'worker'> {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Hears what people should know: of workers that died and are started again. */
  readonly say: (line: string) => void
}

/** A server of several processes. */
export interface RunningWorkers extends Pick<RunningServer, 'url' | 'close'> {
  /** Rejects when workers die again and again: there is no use in going on. */
  readonly failed: Promise<never>
}

/** The wait before a worker is started again; it doubles with each death, up to the greatest. */
const backoffMs = { least: 100, greatest: 5000 }
/** A worker that lived so long did not die of how it was started. */
const settledMs = 10_000
/** Deaths of one worker in a row, none of them settled, after which the server gives up. */
const deathsInRow = 6

/**
 * Serves a repository by several processes on one port. This one owns the port and serves nothing; connections go to the workers in
 * turn, so that one that dies takes only the requests with it that were in its hands. (Sockets of their own for each, by SO_REUSEPORT,
 * would also lose the connections that wait to be accepted, and spread few connections unevenly.) Dead workers are started again.
 * Background work is that of the first.
 * @throws what a worker throws at its start, first of all USAGE where it cannot listen.
 */
export async function serveByWorkers(options: PrimaryOptions): Promise<RunningWorkers> {
  cluster.setupPrimary({
    exec: fileURLToPath(new URL(`./serve-worker${extname(import.meta.url)}`, import.meta.url)),
    args: [],
  })
  const primary = new Primary(options)
  try {
    return await primary.start()
  } catch (thrown) {
    await primary.kill()
    throw thrown
  }
}

/** The life of the processes. */
class Primary {
  readonly #options: PrimaryOptions
  readonly #parts = new PartsOfWorkers()
  readonly #failed = Promise.withResolvers<never>()
  readonly #running = new Map<number, Worker>()
  #port = 0
  #isReady = false
  #closing = false

  constructor(options: PrimaryOptions) {
    this.#options = options
    this.#failed.promise.catch(() => undefined)
  }

  async start(): Promise<RunningWorkers> {
    const { workers, host, port } = this.#options
    this.#port = port === 0 ? await freePort(host) : port
    // The first alone: where one cannot start, the others cannot either.
    const url = await this.#begin(1, 0)
    await Promise.all(Array.from({ length: workers - 1 }, (_, i) => this.#begin(i + 2, 0)))
    this.#isReady = true
    return { url, failed: this.#failed.promise, close: () => this.#close() }
  }

  /** Starts a worker; its URL when it is ready. It is started again when it dies, however often it died before. */
  async #begin(number: number, deaths: number): Promise<string> {
    const { say: _, ...order } = this.#options
    const worker = cluster.fork()
    this.#running.set(number, worker)
    const ready = Promise.withResolvers<string>()
    ready.promise.catch(() => undefined)
    const startedMs = performance.now()
    worker.on('message', (message: ToPrimary) => {
      switch (message.kind) {
        case 'ready':
          ready.resolve(message.url)
          break
        case 'failed':
          ready.reject(errorOf(message.problem))
          break
        case 'counted':
          this.#parts.counted(worker, message)
          break
        case 'ask others':
          void this.#tellOthers(worker, message)
          break
      }
    })
    worker.on('error', (error) => ready.reject(error))
    worker.once('exit', (code, signal) => {
      const how = signal === null || signal === '' ? `ended with code ${code}` : `was ended by ${signal}`
      ready.reject(fail('WORKER_DIED', `Worker ${number} ${how} before it was ready`))
      this.#parts.ended(worker)
      this.#running.delete(number)
      const inRow = performance.now() - startedMs < settledMs ? deaths + 1 : 1
      if (!this.#closing && this.#isReady)
        this.#again(number, inRow, `Worker ${number} (process ${worker.process.pid ?? 0}) ${how}`)
    })
    send(worker, { kind: 'start', order: { ...order, port: this.#port, worker: number } })
    return ready.promise
  }

  #again(number: number, deaths: number, what: string): void {
    if (deaths >= deathsInRow) {
      this.#failed.reject(
        fail('WORKER_DIED', `${what}, the ${deaths}th time in a row`, {
          remedy: 'See what it said on stderr; memory that ran out says nothing there.',
        }),
      )
      return
    }
    const waitMs = Math.min(backoffMs.greatest, backoffMs.least * 2 ** (deaths - 1))
    this.#parts.restarted()
    this.#options.say(`${what}; it is started again in ${waitMs} ms`)
    setTimeout(() => {
      if (this.#closing) return
      this.#begin(number, deaths).catch((thrown: unknown) => {
        if (!this.#closing) this.#options.say(`Worker ${number} did not start: ${String(thrown)}`)
      })
    }, waitMs)
  }

  async #tellOthers(
    asking: Worker,
    { id, part }: { readonly id: number; readonly part: readonly Family[] },
  ): Promise<void> {
    this.#parts.counted(asking, { part })
    const others = [...this.#running.values()].filter((worker) => worker !== asking && worker.isConnected())
    send(asking, { kind: 'others', id, parts: await this.#parts.of(others, (worker, count) => send(worker, count)) })
  }

  async #close(): Promise<void> {
    this.#closing = true
    const workers = [...this.#running.values()]
    const ended = Promise.all(workers.map((worker) => exitOf(worker)))
    for (const worker of workers) send(worker, { kind: 'drain' })
    // A moment before this process would end hard, and leave them to find out.
    let killed = 0
    const late = setTimeout(
      () => {
        killed = this.#running.size
        void this.kill()
      },
      this.#options.drainWaitMs + hardExitMs - 1000,
    )
    await ended
    clearTimeout(late)
    if (killed > 0) throw fail('WORKER_DIED', `${killed} of ${workers.length} workers: ${notEnded}`)
  }

  async kill(): Promise<void> {
    this.#closing = true
    const workers = [...this.#running.values()]
    const ended = Promise.all(workers.map((worker) => exitOf(worker)))
    for (const worker of workers) worker.process.kill('SIGKILL')
    await ended
  }
}

/**
 * A port that is free now. Asked to listen on port 0, each worker that comes after all others have died would find another one,
 * and nobody would know.
 */
async function freePort(host: string): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

function send(worker: Worker, message: ToWorker): void {
  // One that is going is of no interest any more.
  if (worker.isConnected()) worker.send(message, () => undefined)
}

async function exitOf(worker: Worker): Promise<void> {
  if (worker.isDead()) return
  await new Promise<void>((resolve) => worker.once('exit', () => resolve()))
}

const errorOf = ({ code, detail, remedy, at, errors }: Problem): ProvenderError =>
  fail(code, detail, { remedy, ...(at === undefined ? {} : { at }), errors: (errors ?? []).map(errorOf) })
