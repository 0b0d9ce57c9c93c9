import { fail } from './errors.ts'

/** What every call to a store carries: who may end it early, and by when it must have ended. */
export interface Call {
  readonly signal?: AbortSignal | undefined
  /** The machine's clock in milliseconds since 1970 by which the call has to end. */
  readonly deadlineAtMs?: number | undefined
}

/**
 * Refuses work that nobody waits for any more.
 * @throws DEADLINE_EXCEEDED past the deadline; the signal's reason, or INTERRUPTED, when aborted.
 */
export function checkCall(call: Call | undefined): void {
  if (call === undefined) return
  if (call.signal?.aborted === true) {
    const reason: unknown = call.signal.reason
    throw reason instanceof Error && reason.name === 'ProvenderError'
      ? reason
      : fail('INTERRUPTED', 'The call was aborted', { cause: reason })
  }
  if (call.deadlineAtMs !== undefined && Date.now() > call.deadlineAtMs)
    throw fail('DEADLINE_EXCEEDED', 'The deadline passed before the work began')
}
