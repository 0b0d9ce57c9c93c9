import { once } from 'node:events'
import { type Server, type Socket, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Problem, type ProvenderError, fail } from '../kernel/errors.ts'
import { seenAll } from './drain.ts'
import { hardExitMs, notEnded } from './hard-exit.ts'
import { cannotListen, urlOf } from './listening.ts'
import type { Family } from './metric-family.ts'
import type { RunningServer } from './start.ts'
import type { ToPrimary, WorkerOrder } from './worker-messages.ts'
import { PartsOfWorkers } from './worker-parts.ts'
import { WorkerProcess } from './worker-process.ts'

/** How several processes serve one repository. */
export interface PrimaryOptions extends Omit<WorkerOrder, 'worker' | 'url'> {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Hears what people should know: of workers that died and are started again. */
  readonly say: (line: string) => void
}

/** How long before its workers this process accepts no more: what it has accepted must come to one that takes it. */
const aheadMs = 200

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
/** Connections that wait for a worker while there is none. */
const mostWaiting = 1000

/**
 * Serves a repository by several processes on one port. This one owns the port and serves nothing: it hands each connection to the
 * workers in turn, and knows which one has it, so that a worker that dies takes only the requests with it that were in its hands.
 * (node:cluster forgets a connection that is on its way to a worker as that dies: its client waits for ever. Sockets of their own for
 * each worker, by SO_REUSEPORT, lose those that wait to be accepted, and spread few connections unevenly.) Dead workers are started
 * again. Background work is that of the first.
 * @throws what a worker throws at its start; USAGE where it cannot listen.
 */
export async function serveByWorkers(options: PrimaryOptions): Promise<RunningWorkers> {
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
  readonly #server: Server
  readonly #parts = new PartsOfWorkers()
  readonly #failed = Promise.withResolvers<never>()
  readonly #running = new Map<number, WorkerProcess>()
  /** Those that take connections, the next one first. */
  #ready: WorkerProcess[] = []
  #waiting: Socket[] = []
  #made = 0
  #url = ''
  #isUp = false
  #closing = false

  constructor(options: PrimaryOptions) {
    this.#options = options
    this.#failed.promise.catch(() => undefined)
    // What is sent over a connection is left to who gets it; so is when to end it.
    this.#server = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#made += 1
      socket.on('error', () => undefined)
      this.#give(socket)
    })
  }

  async start(): Promise<RunningWorkers> {
    const { workers, host, port } = this.#options
    try {
      await once(this.#server.listen(port, host), 'listening')
    } catch (thrown) {
      throw cannotListen({ host, port }, thrown)
    }
    this.#url = urlOf(this.#server.address(), host)
    // The first alone: where one cannot start, the others cannot either.
    await this.#begin(1, 0)
    await Promise.all(Array.from({ length: workers - 1 }, (_, i) => this.#begin(i + 2, 0)))
    this.#isUp = true
    return { url: this.#url, failed: this.#failed.promise, close: () => this.#close() }
  }

  #give(socket: Socket): void {
    const worker = this.#ready.shift()
    if (worker !== undefined) {
      this.#ready.push(worker)
      worker.give(socket)
    } else if (this.#waiting.length < mostWaiting && !this.#closing) this.#waiting.push(socket)
    else socket.destroy()
  }

  /** Starts a worker; done when it is ready. It is started again when it dies, however often it died before. */
  async #begin(number: number, deaths: number): Promise<void> {
    const startedMs = performance.now()
    const ready = Promise.withResolvers<void>()
    const worker: WorkerProcess = new WorkerProcess((message) => this.#hear(worker, message, ready))
    this.#running.set(number, worker)
    const { dir, roles, workers, drainWaitMs } = this.#options
    worker.tell({ kind: 'start', order: { dir, url: this.#url, roles, workers, drainWaitMs, worker: number } })
    void worker.ended.then((how) => {
      ready.reject(fail('WORKER_DIED', `Worker ${number} ${how} before it was ready`))
      this.#running.delete(number)
      this.#leave(worker)
      this.#parts.ended(worker)
      const inRow = performance.now() - startedMs < settledMs ? deaths + 1 : 1
      if (!this.#closing && this.#isUp) this.#again(number, inRow, `Worker ${number} (process ${worker.pid}) ${how}`)
      for (const socket of worker.takeBack()) this.#give(socket)
    })
    await ready.promise
  }

  #hear(worker: WorkerProcess, message: ToPrimary, ready: PromiseWithResolvers<void>): void {
    switch (message.kind) {
      case 'ready':
        this.#ready.push(worker)
        for (const socket of this.#waiting.splice(0)) this.#give(socket)
        ready.resolve()
        break
      case 'failed':
        ready.reject(errorOf(message.problem))
        break
      case 'leaving':
        this.#leave(worker)
        break
      case 'counted':
        this.#parts.counted(worker, message)
        break
      case 'ask others':
        void this.#tellOthers(worker, message)
        break
      case 'taken':
        break
    }
  }

  #leave(worker: WorkerProcess): void {
    this.#ready = this.#ready.filter((each) => each !== worker)
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
    asking: WorkerProcess,
    { id, part }: { readonly id: number; readonly part: readonly Family[] },
  ): Promise<void> {
    this.#parts.counted(asking, { part })
    const others = [...this.#running.values()].filter((worker) => worker !== asking)
    asking.tell({ kind: 'others', id, parts: await this.#parts.of(others) })
  }

  async #close(): Promise<void> {
    const { drainWaitMs } = this.#options
    this.#closing = true
    const workers = [...this.#running.values()]
    const seen = async (): Promise<void> => seenAll(() => this.#made)
    if (drainWaitMs === 0) await seen()
    // They wait a little longer than this process before they take no more connections.
    for (const worker of workers) worker.tell({ kind: 'drain' })
    // A moment before this process would end hard, and leave them to find out.
    let killed = 0
    const late = setTimeout(
      () => {
        killed = this.#running.size
        void this.kill()
      },
      drainWaitMs + hardExitMs - 1000,
    )
    const ended = Promise.all(workers.map((worker) => worker.ended))
    if (drainWaitMs > 0) {
      await Promise.race([sleep(Math.max(0, drainWaitMs - aheadMs)), ended])
      await seen()
    }
    this.#server.close()
    for (const socket of this.#waiting) socket.destroy()
    await ended
    clearTimeout(late)
    if (killed > 0) throw fail('WORKER_DIED', `${killed} of ${workers.length} workers: ${notEnded}`)
  }

  async kill(): Promise<void> {
    this.#closing = true
    this.#server.close()
    const workers = [...this.#running.values()]
    for (const worker of workers) worker.kill()
    await Promise.all(workers.map((worker) => worker.ended))
  }
}

const errorOf = ({ code, detail, remedy, at, errors }: Problem): ProvenderError =>
  fail(code, detail, { remedy, ...(at === undefined ? {} : { at }), errors: (errors ?? []).map(errorOf) })
