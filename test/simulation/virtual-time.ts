import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import { setImmediate } from 'node:timers'

/** Time that passes only when everybody waits: the machine's clock of a simulated world, in milliseconds. */
export interface VirtualTime {
  /** By the clock of the process that asks. */
  nowMs(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Runs something as a process whose clock is off by so much. */
  within<T>(skewMs: number, work: () => Promise<T>): Promise<T>
}

interface Alarm {
  readonly atMs: number
  readonly order: number
  ring(): void
}

const startMs = 1_767_225_600_000
const skews = new AsyncLocalStorage<number>()
let passing: Alarms | undefined

/** What everybody waits for, and how late it is. */
class Alarms {
  nowMs = startMs
  #order = 0
  readonly #set = new Set<Alarm>()

  add(afterMs: number, ring: () => void): Alarm {
    const alarm = { atMs: this.nowMs + Math.max(0, afterMs), order: this.#order++, ring }
    this.#set.add(alarm)
    return alarm
  }

  remove(alarm: Alarm | undefined): void {
    if (alarm !== undefined) this.#set.delete(alarm)
  }

  /** Lets time pass up to the next alarm. @throws where there is none. */
  pass(): void {
    const earlier = (a: Alarm, b: Alarm): Alarm => (a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order) ? a : b)
    if (this.#set.size === 0) throw new Error('everybody waits, and for nothing')
    const next = [...this.#set].reduce(earlier)
    this.remove(next)
    this.nowMs = Math.max(this.nowMs, next.atMs)
    next.ring()
  }
}

/** Stands in for `setTimeout` of node:timers/promises. */
export async function sleepVirtually(
  ms = 0,
  _value?: unknown,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const alarms = passing
  if (alarms === undefined) throw new Error('no virtual time is passing')
  signal?.throwIfAborted()
  await new Promise<void>((resolve, reject) => {
    const abort = (): void => {
      alarms.remove(alarm)
      reject(signal?.reason as Error)
    }
    const alarm = alarms.add(ms, () => {
      signal?.removeEventListener('abort', abort)
      resolve()
    })
    signal?.addEventListener('abort', abort, { once: true })
  })
}

interface Interval {
  ended: boolean
  alarm?: Alarm | undefined
  unref(): void
}

function startInterval(callback: () => void, ms = 0): Interval {
  const alarms = passing
  const bound = AsyncResource.bind(callback)
  const interval: Interval = { ended: false, unref: () => undefined }
  const again = (): void => {
    interval.alarm = alarms?.add(ms, () => {
      bound()
      if (!interval.ended) again()
    })
  }
  again()
  return interval
}

function endInterval(interval: Interval | undefined): void {
  if (interval === undefined) return
  interval.ended = true
  passing?.remove(interval.alarm)
}

/** Puts virtual time in the place of the machine's clocks and intervals until the work has ended. */
export async function inVirtualTime<T>(work: (time: VirtualTime) => Promise<T>): Promise<T> {
  const real = { now: Date.now, setInterval, clearInterval }
  const alarms = new Alarms()
  const nowMs = (): number => alarms.nowMs + (skews.getStore() ?? 0)
  const sleep = async (ms: number, signal?: AbortSignal): Promise<void> =>
    sleepVirtually(ms, undefined, signal === undefined ? {} : { signal })
  try {
    passing = alarms
    Date.now = () => Math.floor(nowMs())
    performance.now = () => alarms.nowMs - startMs
    Object.assign(globalThis, { setInterval: startInterval, clearInterval: endInterval })
    let ended = false
    const working = work({ nowMs, sleep, within: (skewMs, inside) => skews.run(skewMs, inside) })
    const noted = working.finally(() => (ended = true))
    noted.catch(() => undefined)
    for (;;) {
      // All that can go on without time passing goes on first.
      await new Promise((resolve) => setImmediate(resolve))
      if (ended) return await noted
      alarms.pass()
    }
  } finally {
    passing = undefined
    Date.now = real.now
    // Its own `now` hides the one that it inherits.
    Reflect.deleteProperty(performance, 'now')
    Object.assign(globalThis, { setInterval: real.setInterval, clearInterval: real.clearInterval })
  }
}
