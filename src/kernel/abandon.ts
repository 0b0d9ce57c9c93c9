import { type Call, checkCall } from './call.ts'
import { fail } from './errors.ts'

/**
 * Waits for work that goes on whoever waits for it: a call that is aborted, or whose deadline passes, stops waiting.
 * @throws what the work throws; INTERRUPTED, the signal's reason or DEADLINE_EXCEEDED.
 */
export function abandonable<T>(work: Promise<T>, call: Call | undefined): Promise<T> {
  return call?.signal === undefined && call?.deadlineAtMs === undefined ? work : abandoned(work, call)
}

async function abandoned<T>(work: Promise<T>, { signal, deadlineAtMs }: Call): Promise<T> {
  // It has begun: what it throws when nobody waits any more must not end the process.
  work.catch(() => undefined)
  checkCall({ signal, deadlineAtMs })
  const { promise: end, reject } = Promise.withResolvers<never>()
  const timer =
    deadlineAtMs === undefined
      ? undefined
      : setTimeout(() => reject(fail('DEADLINE_EXCEEDED', 'The deadline passed')), deadlineAtMs - Date.now())
  const aborted = (): void => {
    try {
      checkCall({ signal })
    } catch (thrown) {
      reject(thrown)
    }
  }
  signal?.addEventListener('abort', aborted)
  try {
    return await Promise.race([work, end])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', aborted)
  }
}
