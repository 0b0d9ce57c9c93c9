import { setTimeout as sleep } from 'node:timers/promises'
import { fail } from '../kernel/errors.ts'

/** The end of a store: which work it waits for, and for how long. */
export interface Closing {
  /** Aborted at once: what only waits is given up. */
  readonly closing: AbortSignal
  /** Aborted when work that has begun was waited for long enough: it stops at its next step. */
  readonly stopping: AbortSignal
  /** Work that has begun; what it throws is its own affair. */
  readonly begun: (work: Promise<unknown>) => void
  /** Waits until all work has ended, but no longer than it may: first until it is asked to stop, then until it has. */
  wait(): Promise<void>
}

/**
 * Prepares the end of a store.
 * @param waits `closeMs`: how long work that has begun may go on; `stopMs`: how long it may take to stop after that
 */
export function prepareClosing(waits: { readonly closeMs: number; readonly stopMs: number }): Closing {
  const closes = new AbortController()
  const stops = new AbortController()
  const underway = new Set<Promise<unknown>>()
  return {
    closing: closes.signal,
    stopping: stops.signal,
    begun: (work) => {
      const noted = work.catch(() => undefined).finally(() => underway.delete(noted))
      underway.add(noted)
    },
    async wait() {
      closes.abort(fail('INTERRUPTED', 'The store was closed before the run began'))
      const ended = Promise.all(underway)
      if (await endsWithin(ended, waits.closeMs)) return
      stops.abort(fail('INTERRUPTED', 'The store was closed while the run was under way'))
      await endsWithin(ended, waits.stopMs)
    },
  }
}

async function endsWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  if (ms <= 0) return false
  const over = new AbortController()
  const late = sleep(ms, false, { signal: over.signal }).catch(() => false)
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    over.abort()
  }
}
