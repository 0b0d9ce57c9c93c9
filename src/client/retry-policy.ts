import { clientLimits } from './client-limits.ts'

/** A try that failed. */
export interface FailedTry {
  /** How many tries there were before it. */
  readonly earlier: number
  /** Whether the call may be sent once more. */
  readonly mayRepeat: boolean
  /** What the server asked to wait, if it did. */
  readonly retryAfterMs: number
  /** What is left of the call's time. */
  readonly leftMs: number
}

/**
 * When calls are tried again: at most twice, after waits that double and are thrown with dice, never sooner than the server asked and never
 * past the deadline, and all tries together no more than a tenth of the calls.
 */
export class RetryPolicy {
  readonly #random: () => number
  #credit: number = clientLimits.freeRetries

  /** @param random 0 to 1, evenly. */
  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  /** Notes that a call begins. */
  begin(): void {
    this.#credit = Math.min(this.#credit + 1 / clientLimits.callsPerRetry, clientLimits.freeRetries)
  }

  /** How long to wait before the next try; undefined where there is none. */
  waitMs({ earlier, mayRepeat, retryAfterMs, leftMs }: FailedTry): number | undefined {
    if (!mayRepeat || earlier >= clientLimits.retries || this.#credit < 1) return undefined
    const most = Math.min(clientLimits.backoffMs * 2 ** earlier, clientLimits.longestBackoffMs)
    // All clients of a server that was away were told the same: they come back one after another.
    const waitMs = retryAfterMs + this.#random() * most
    if (waitMs >= leftMs) return undefined
    this.#credit -= 1
    return waitMs
  }
}

/** Reads `retry-after`: seconds or a date; 0 where there is none. */
export function retryAfterMs(header: string | undefined, nowMs: number): number {
  if (header === undefined) return 0
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  const dateMs = Date.parse(header)
  return Number.isNaN(dateMs) ? 0 : Math.max(0, dateMs - nowMs)
}
