import type { CallOptions } from '../contract/store.ts'
import { type RequestLimits, toldLimit } from '../define/request-limits.ts'
import { type ProvenderError, fail } from '../kernel/errors.ts'

/**
 * Turns of historical reads: so many at once as the machine has use for, and so many that wait, first come, first served. A query
 * takes memory and cores until its answer is read, so more of them at once would only make each of them slower.
 */
export class HistoricalTurns {
  readonly #limits: RequestLimits
  /** What gives each read that waits its turn. */
  readonly #waiting = new Set<() => void>()
  #taken = 0

  constructor(limits: RequestLimits) {
    this.#limits = limits
  }

  /** How many reads have a turn, and how many wait. */
  get counts(): { readonly taken: number; readonly waiting: number } {
    return { taken: this.#taken, waiting: this.#waiting.size }
  }

  /** Refuses before anything was done for a read. @throws OVERLOADED where it could not even wait. */
  demandRoom(): void {
    const { historicalReads, historicalWaiting } = this.#limits
    if (this.#taken >= historicalReads && this.#waiting.size >= historicalWaiting) throw this.#full()
  }

  /**
   * Waits for a turn within the deadline of a call; it lasts until it is disposed.
   * @throws OVERLOADED; DEADLINE_EXCEEDED; the reason of the signal.
   */
  async take({ signal, timeoutMs }: CallOptions): Promise<Disposable> {
    this.demandRoom()
    signal?.throwIfAborted()
    if (this.#taken < this.#limits.historicalReads) this.#taken += 1
    else await this.#wait(signal, timeoutMs)
    let ended = false
    return {
      [Symbol.dispose]: () => {
        if (ended) return
        ended = true
        this.#pass()
      },
    }
  }

  async #wait(signal: AbortSignal | undefined, timeoutMs: number | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    // Out of the queue at once: a turn that is handed to who has left is lost.
    const leave = (reason: Error): void => {
      this.#waiting.delete(resolve)
      reject(reason)
    }
    const aborted = (): void => leave(signal?.reason as Error)
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => leave(this.#late(timeoutMs)), timeoutMs)
    signal?.addEventListener('abort', aborted, { once: true })
    this.#waiting.add(resolve)
    try {
      await promise
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', aborted)
    }
  }

  /** Hands a turn that ends to whoever waits longest. */
  #pass(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#taken -= 1
      return
    }
    this.#waiting.delete(next)
    next()
  }

  #full(): ProvenderError {
    return fail(
      'OVERLOADED',
      `${toldLimit(this.#limits, 'historicalReads')} historical reads are under way, and ${toldLimit(this.#limits, 'historicalWaiting')} wait`,
    )
  }

  #late(timeoutMs: number): ProvenderError {
    return fail(
      'DEADLINE_EXCEEDED',
      `The read waited ${timeoutMs} ms for its turn: ${toldLimit(this.#limits, 'historicalReads')} historical reads are under way`,
    )
  }
}
