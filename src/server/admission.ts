import type { Route } from '../contract/route.ts'
import { type ProvenderError, fail } from '../kernel/errors.ts'
import { type Family, familyOf } from './metric-family.ts'

/** What is given up first when there is too much: the last of these. */
export const priorities = ['online', 'push', 'metadata', 'historical'] as const
export type Priority = (typeof priorities)[number]

interface Bounds {
  /** How late the event loop may be on average. */
  readonly delayMs: number
  /** How many may be under way at once. */
  readonly underway: number
  /** How many are let in from one look at the loop to the next however late it is. */
  readonly few: number
}

/**
 * What is given up at which delay. An online read waits about twice the delay of the loop, and has 250 ms; what waits for a disk or
 * a query does not feel it, but makes it. `few` is more than what clients get answered that ask for one thing after another while
 * the loop is that late: a machine that others keep busy refuses them nothing.
 */
const bounds: Readonly<Record<Priority, Bounds>> = Object.freeze({
  online: { delayMs: 250, underway: 2000, few: 100 },
  push: { delayMs: 100, underway: 1000, few: 20 },
  metadata: { delayMs: 75, underway: 200, few: 30 },
  historical: { delayMs: 50, underway: 200, few: 20 },
})

/**
 * Lets requests in, or refuses them before anything was done for them: two numbers compared, nanoseconds. How many of a kind are let
 * in from one look at the event loop to the next is found by trying, as a sender of packets does: half as many when it was late, more
 * when it was not. No rate is fixed: what a machine can do is what it does without being late. (How many are under way says little:
 * most requests are answered before the next one is read, and what waits, waits in the sockets.)
 */
export class Admission {
  readonly #underway = counts()
  readonly #shed = counts()
  /** Since the last look. */
  readonly #entered = counts()
  readonly #allowed: Record<Priority, number>

  constructor() {
    this.#allowed = counts()
    for (const priority of priorities) this.#allowed[priority] = Number.POSITIVE_INFINITY
  }

  /** Learns how late the event loop was on average since it was told last. */
  adapt(recentMs: number): void {
    for (const priority of priorities) {
      const { delayMs, few } = bounds[priority]
      const allowed = this.#allowed[priority]
      const entered = this.#entered[priority]
      this.#entered[priority] = 0
      if (recentMs > delayMs) this.#allowed[priority] = Math.max(few, Math.min(allowed, entered) >> 1)
      else if (entered >= allowed) this.#allowed[priority] = allowed * (recentMs > delayMs / 2 ? 1.25 : 2) + 1
      // Nobody asked for all of it: it limits nothing.
      else if (recentMs <= delayMs / 2) this.#allowed[priority] = Number.POSITIVE_INFINITY
    }
  }

  /** Whether a request would be taken in. */
  hasRoom(priority: Priority): boolean {
    return this.#entered[priority] < this.#allowed[priority] && this.#underway[priority] < bounds[priority].underway
  }

  /** Takes a request in; false where it has to be refused with `overloaded`. Who was taken in must `leave`. */
  enter(priority: Priority): boolean {
    if (!this.hasRoom(priority)) {
      this.#shed[priority] += 1
      return false
    }
    this.#entered[priority] += 1
    this.#underway[priority] += 1
    return true
  }

  leave(priority: Priority): void {
    this.#underway[priority] -= 1
  }

  families(): Family[] {
    const byPriority = (numbers: Readonly<Record<Priority, number>>) =>
      priorities.map((priority) => ({ labels: { priority }, value: numbers[priority] }))
    return [
      familyOf(
        { name: 'provender_http_requests_underway', help: 'Requests that are being answered', type: 'gauge' },
        byPriority(this.#underway),
      ),
      familyOf(
        { name: 'provender_http_requests_shed_total', help: 'Requests refused for overload', type: 'counter' },
        byPriority(this.#shed),
      ),
    ]
  }
}

const counts = (): Record<Priority, number> => ({ online: 0, push: 0, metadata: 0, historical: 0 })

/** What a refused request is told. */
export const overloaded = (): ProvenderError => fail('OVERLOADED', 'The server has too much to do')

/** Which requests go before which. */
export function priorityOf({ permission }: Pick<Route, 'permission'>): Priority {
  switch (permission) {
    case 'read-online':
      return 'online'
    case 'push':
      return 'push'
    case 'none':
    case 'metadata':
      return 'metadata'
    case 'read-offline':
    case 'apply':
    case 'materialize':
      return 'historical'
  }
}
