import { type ChildProcess, fork } from 'node:child_process'
import type { Socket } from 'node:net'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ToPrimary, ToWorker } from './worker-messages.ts'

/** Where a worker begins: .ts in a checkout, .js in the package. */
const file = fileURLToPath(new URL(`./serve-worker${extname(import.meta.url)}`, import.meta.url))

let nextId = 1

/** A worker, as the primary sees it. */
export class WorkerProcess {
  /** Of all that ever were. */
  readonly id = nextId++
  readonly #child: ChildProcess
  /** Connections that were given to it and that it did not say it has. */
  readonly #given = new Map<number, Socket>()
  /** How it ended, in words; never rejects. */
  readonly ended: Promise<string>

  constructor(hear: (message: ToPrimary) => void) {
    this.#child = fork(file, { serialization: 'json' })
    this.#child.on('message', (message: ToPrimary) => {
      if (message.kind === 'taken') this.#taken(message.id)
      else hear(message)
    })
    this.ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) =>
        resolve(signal === null ? `ended with code ${code ?? 0}` : `was ended by ${signal}`),
      )
      this.#child.once('error', (error) => resolve(`could not be started: ${error.message}`))
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** What it is told when it is gone is lost. */
  tell(message: ToWorker, connection?: Socket): void {
    // The primary keeps its own hold of a connection until the worker has it: one in between would belong to nobody.
    if (this.#child.connected) this.#child.send(message, connection, { keepOpen: true }, () => undefined)
  }

  /** Hands a connection over, of which nothing was read. */
  give(connection: Socket): void {
    const id = nextId++
    this.#given.set(id, connection)
    this.tell({ kind: 'take', id }, connection)
  }

  #taken(id: number): void {
    // Only this process's hold of it ends.
    this.#given.get(id)?.destroy()
    this.#given.delete(id)
  }

  /** The connections that it was given and never had, for somebody else: of a worker that ended. */
  takeBack(): Socket[] {
    const connections = [...this.#given.values()]
    this.#given.clear()
    return connections
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}
