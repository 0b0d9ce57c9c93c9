import { randomUUID } from 'node:crypto'
import type { Call } from '../kernel/call.ts'
import type { MaterializeDeps } from './deps.ts'

/** Of the time that a lease lasts: after how much it is renewed, and how often that is looked at, or tried again. */
const renewedShare = 3
const lookedShare = 30

/**
 * The sign of life of one store: a lease with a name of its own, held while runs of it are under way. Who finds it free knows that nobody
 * ends those runs any more, wherever their process was. (That a process is known dead is told sooner, but on its own machine only.)
 */
export class Presence {
  readonly name = `presence:${randomUUID()}`
  readonly #deps: Pick<MaterializeDeps, 'runLog' | 'owner' | 'waits'>
  #holders = 0
  #token: string | null = null
  #renewedAtMs = 0
  #renewal: NodeJS.Timeout | undefined
  /** One change of the lease after the other. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(deps: Pick<MaterializeDeps, 'runLog' | 'owner' | 'waits'>) {
    this.#deps = deps
  }

  /** Says that this store lives until what it answers is disposed. @throws as the run log. */
  async hold(call?: Call): Promise<AsyncDisposable> {
    this.#holders += 1
    let held = true
    const release = async (): Promise<void> => {
      if (!held) return
      held = false
      this.#holders -= 1
      if (this.#holders === 0) await this.#inTurn(() => this.#end())
    }
    try {
      await this.#inTurn(() => this.#begin(call))
    } catch (thrown) {
      await release()
      throw thrown
    }
    return { [Symbol.asyncDispose]: release }
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#last.then(work)
    this.#last = mine.catch(() => undefined)
    return mine
  }

  async #begin(call?: Call): Promise<void> {
    if (this.#token !== null || this.#holders === 0) return
    const { runLog, owner, waits } = this.#deps
    this.#renewal ??= setInterval(() => void this.#inTurn(() => this.#renew()), waits.leaseMs / lookedShare).unref()
    const taken = await runLog.acquire(this.name, owner, { forMs: waits.leaseMs, dead: () => false }, call)
    // Where it was not free, somebody looks whether it is at this very moment, and is done with that soon.
    this.#token = 'token' in taken ? taken.token : null
    this.#renewedAtMs = performance.now()
  }

  async #renew(): Promise<void> {
    if (this.#holders === 0) return
    const { runLog, waits } = this.#deps
    try {
      if (this.#token !== null) {
        const renewedAtMs = performance.now()
        if (renewedAtMs - this.#renewedAtMs < waits.leaseMs / renewedShare) return
        if (await runLog.renew(this.name, this.#token, waits.leaseMs)) this.#renewedAtMs = renewedAtMs
        else this.#token = null
      }
      // Who was silent for too long is taken for dead: those runs are lost, and others to come are not.
      if (this.#token === null) await this.#begin()
    } catch {
      // It is tried again at the next look.
    }
  }

  async #end(): Promise<void> {
    if (this.#holders > 0) return
    clearInterval(this.#renewal)
    this.#renewal = undefined
    const token = this.#token
    this.#token = null
    if (token !== null) await this.#deps.runLog.renew(this.name, token, 0).catch(() => false)
  }
}

/** How long a lease is held that is only looked at. */
const lookMs = 5000

/** Whether the store with a presence says no more that it lives. */
export async function isGone(
  { runLog, owner }: Pick<MaterializeDeps, 'runLog' | 'owner'>,
  presence: string,
  call?: Call,
): Promise<boolean> {
  const taken = await runLog.acquire(presence, owner, { forMs: lookMs, dead: () => false }, call)
  if (!('token' in taken)) return false
  await runLog.renew(presence, taken.token, 0)
  return true
}
