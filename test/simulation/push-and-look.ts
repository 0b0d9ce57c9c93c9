import { isProvenderError } from '../../src/kernel/errors.ts'
import type { Process, SharedWorld } from './processes.ts'
import { type Step, pushedBy } from './steps.ts'
import type { VirtualTime } from './virtual-time.ts'

/** How old the registry may be that a process sees, with clocks that differ. */
const staleMs = 2500

/**
 * Pushes, and looks what is served then and later: by the generation that serves, and through each other process. What was
 * answered is served, unless the store was harmed; or the view was born just now, and the next catch-up brings it.
 */
export async function pushAndLook(
  time: VirtualTime,
  shared: SharedWorld,
  { store, clock }: Process,
  step: Extract<Step, { do: 'push' }>,
): Promise<void> {
  const rows = pushedBy(step, clock.now())
  const incarnation = shared.incarnation()
  const beganMs = time.nowMs()
  const excused = (): boolean => shared.incarnation() !== incarnation || shared.bornMs() > beganMs - staleMs
  const said = await answered(store.push(step.target, rows, { to: 'both' }), () => false)
  if (said === undefined) return
  for (const { k, at } of rows) if (at > (shared.pushed.get(k) ?? 0n)) shared.pushed.set(k, at)
  for (const laterMs of [0, 2000, 3000]) {
    await time.sleep(laterMs)
    for (const { k, at } of rows) {
      if (excused()) return
      const event = await shared.servedEvent(k)
      if (event === undefined) return
      if (event === null || event < at)
        throw new Error(`${k} at ${at} was pushed; ${laterMs} ms later there is ${event}`)
    }
    for (const process of shared.processes) {
      if (process.killed || process.pausedUntilMs > time.nowMs()) continue
      const reading = process.store.online(
        'view',
        rows.map(({ k }) => ({ k })),
      )
      const read = await Promise.race([answered(reading, excused), time.sleep(5000)])
      if (read === undefined || excused()) return
      for (const [i, { k, at }] of rows.entries()) {
        const event = read.eventTimes[i]?.[0] ?? null
        if (event === null ? !shared.deleted.has(k) : event < at)
          throw new Error(`${k} at ${at} was pushed; ${laterMs} ms later a process reads ${event}`)
      }
    }
  }
}

/** Brings the log online: then all that was ever pushed is served, by an event time at least as new, whatever became of the online store. */
export async function catchUpAndLook(shared: SharedWorld, { store }: Process): Promise<void> {
  await store.maintain()
  for (const [k, at] of shared.pushed) {
    const event = await shared.servedEvent(k)
    if (event === undefined) return
    if (event === null || event < at) throw new Error(`${k} at ${at} was pushed; after the catch-up there is ${event}`)
  }
}

/** What a call answers; undefined where there is no such view, or where an emptied store has a row before it has its schema. */
async function answered<T>(call: Promise<T>, harmed: () => boolean): Promise<T | undefined> {
  try {
    return await call
  } catch (thrown) {
    if (!isProvenderError(thrown)) throw thrown
    if (thrown.code === 'UNKNOWN_NAME' || thrown.code === 'NOT_ONLINE') return undefined
    if (thrown.code === 'CORRUPT_STORE' && harmed()) return undefined
    throw thrown
  }
}
