import { setTimeout as sleep } from 'node:timers/promises'
import { type Call, checkCall } from '../kernel/call.ts'
import { isProvenderError } from '../kernel/errors.ts'
import type { Snapshot } from '../decide/snapshot.ts'
import type { Snapshots } from '../ports/snapshots.ts'

/**
 * How long before its deadline a read takes the last snapshot that was seen, in milliseconds. Until then it waits: an older snapshot may
 * name rows that another process has replaced, and then a push that was answered would not be served.
 */
const marginMs = 100

/** What is known of a registry: how to ask for it, and what was seen last. */
interface Known {
  readonly current: Snapshots['current']
  /** `isCurrent`: this process has written nothing since. */
  readonly held: () => { readonly snapshot: Snapshot; readonly isCurrent: boolean } | undefined
  /** Reads the registry again, beside everything else. */
  readonly refresh: () => void
}

/** Snapshots for reads, which go on while the registry is away, or so slow that they would have to wait for it. */
export function openLastSeen({ current, held, refresh }: Known): Pick<Snapshots, 'lastSeen'> & {
  /** Hears how each reading ends. */
  noteRead<T>(reading: Promise<T>): Promise<T>
} {
  /** Until a reading goes well. */
  let away = false

  function lastSeen(call?: Call): Snapshot | Promise<Snapshot> {
    const there = away ? held() : undefined
    if (there !== undefined) {
      refresh()
      return there.snapshot
    }
    const asked = current(call)
    return asked instanceof Promise ? soonOr(asked, call) : asked
  }

  async function soonOr(asked: Promise<Snapshot>, call: Call | undefined): Promise<Snapshot> {
    const there = held()
    if (there === undefined) return asked
    const { deadlineAtMs } = call ?? {}
    const soon = new AbortController()
    try {
      const first =
        deadlineAtMs === undefined ? await asked : await Promise.race([asked, lateness(deadlineAtMs, soon.signal)])
      if (first !== undefined) return first
      // Who has written waits to see that.
      if (!there.isCurrent) return await asked
      asked.catch(() => undefined)
      away = true
      return there.snapshot
    } catch (thrown) {
      if (!isAway(thrown)) throw thrown
      checkCall(call)
      return there.snapshot
    } finally {
      soon.abort()
    }
  }

  return {
    lastSeen,
    async noteRead(reading) {
      try {
        const read = await reading
        away = false
        return read
      } catch (thrown) {
        away ||= isAway(thrown)
        throw thrown
      }
    },
  }
}

const isAway = (thrown: unknown): boolean => isProvenderError(thrown) && thrown.code === 'STORE_UNREACHABLE'

/** Settles when there is no more time to wait. */
const lateness = async (deadlineAtMs: number, signal: AbortSignal): Promise<undefined> =>
  sleep(Math.max(0, deadlineAtMs - Date.now() - marginMs), undefined, { signal }).catch(() => undefined)
