import { AggregatorRegistry } from 'prom-client'
import { type Family, familyOf } from './metric-family.ts'
import type { WorkerProcess } from './worker-process.ts'

/** How long a worker may take to tell its series; one that is late is told as it was. */
const partMs = 1000

type Part = readonly Family[]

/**
 * What workers counted, the dead ones included: a sum that went down would look like a restart of the server, and everything would
 * be counted again by whoever reads rates.
 */
export class PartsOfWorkers {
  readonly #last = new Map<number, Part>()
  readonly #asked = new Map<number, () => void>()
  /** The counts of those that ended, joined. */
  #ended: Part = []
  #joining: Promise<void> = Promise.resolve()
  #restarts = 0
  #nextId = 0

  /** A worker told its series. */
  counted({ id }: WorkerProcess, { id: question, part }: { readonly id?: number; readonly part: Part }): void {
    this.#last.set(id, part)
    if (question !== undefined) this.#asked.get(question)?.()
  }

  /** A worker ended: what it counted stays, what it was does not. */
  ended({ id }: WorkerProcess): void {
    const counts = (this.#last.get(id) ?? []).filter(({ type }) => type !== 'gauge')
    this.#last.delete(id)
    // One after another: each adds to what those before left.
    this.#joining = this.#joining.then(async () => {
      const parts = [this.#ended, counts].filter((part) => part.length > 0)
      this.#ended = (await AggregatorRegistry.aggregate(parts).getMetricsAsJSON()) as unknown as Part
    })
  }

  /** A worker that ended is started again. */
  restarted(): void {
    this.#restarts += 1
  }

  /** The series of some workers, asked now, and of all that ended. */
  async of(workers: readonly WorkerProcess[]): Promise<readonly Part[]> {
    await Promise.all(workers.map((worker) => this.#ask(worker)))
    await this.#joining
    const alive = workers.flatMap(({ id }) => {
      const part = this.#last.get(id)
      return part === undefined ? [] : [part]
    })
    const restarts = familyOf(
      {
        name: 'provender_worker_restarts_total',
        help: 'Worker processes that died and were started again',
        type: 'counter',
      },
      [{ labels: {}, value: this.#restarts }],
    )
    return [...alive, this.#ended, [restarts]]
  }

  async #ask(worker: WorkerProcess): Promise<void> {
    const id = this.#nextId++
    const { promise, resolve } = Promise.withResolvers<void>()
    const late = setTimeout(resolve, partMs)
    this.#asked.set(id, resolve)
    worker.tell({ kind: 'count', id })
    await promise
    clearTimeout(late)
    this.#asked.delete(id)
  }
}
