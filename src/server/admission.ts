import type { Route } from '../contract/route.ts'
import { type ProvenderError, fail } from '../kernel/errors.ts'
import { type Family, familyOf } from './metric-family.ts'
import type { LoopDelay } from './loop-delay.ts'

/** What is given up first when there is too much: the last of these. */
export const priorities = ['online', 'push', 'metadata', 'historical'] as const
export type Priority = (typeof priorities)[number]

/**
 * How many requests of a kind may be under way: `most`, and only a `few` while the event loop is later than `delayMs` on average.
 * No rate is fixed: what a machine can do is what it does without being late. (A few go on being answered on a machine that others
 * keep busy: refusing those would help nobody.) An online read waits about twice the delay of the loop, and has 250 ms.
 */
const bounds: Readonly<Record<Priority, { readonly most: number; readonly delayMs: number; readonly few: number }>> =
  Object.freeze({
    online: { most: 2000, delayMs: 200, few: 64 },
    push: { most: 1000, delayMs: 100, few: 32 },
    metadata: { most: 200, delayMs: 75, few: 4 },
    historical: { most: 200, delayMs: 50, few: 2 },
  })

/** Lets requests in, or refuses them before anything was done for them: a number compared, nanoseconds. */
export class Admission {
  readonly #delay: Pick<LoopDelay, 'recentMs'>
  readonly #underway: Record<Priority, number> = { online: 0, push: 0, metadata: 0, historical: 0 }
  readonly #shed: Record<Priority, number> = { online: 0, push: 0, metadata: 0, historical: 0 }

  constructor(delay: Pick<LoopDelay, 'recentMs'>) {
    this.#delay = delay
  }

  /** Whether a request would be taken in. */
  hasRoom(priority: Priority): boolean {
    const { most, delayMs, few } = bounds[priority]
    return this.#underway[priority] < (this.#delay.recentMs > delayMs ? few : most)
  }

  /** Takes a request in; false where it has to be refused with `overloaded`. Who was taken in must `leave`. */
  enter(priority: Priority): boolean {
    if (!this.hasRoom(priority)) {
      this.#shed[priority] += 1
      return false
    }
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
