import type { RunRequest } from '../decide/attempt.ts'
import type { Call } from '../kernel/call.ts'
import { asProvenderError, fail } from '../kernel/errors.ts'
import type { RunRecord } from '../ports/run-log.ts'
import type { MaterializeDeps } from './deps.ts'
import { takeTurn } from './lease.ts'
import { type Progressing, type RunAccount, openAccount } from './run-account.ts'
import { runAttempt } from './run-attempt.ts'
import { takeOver } from './take-over.ts'

/** How often a run that proceeds records how far it is, for who lists it. */
const recordEveryMs = 1000

/**
 * Runs one queued run to its end and answers its record: succeeded, failed (with its error) or cancelled. Never throws
 * for what happens to the run; what it has covered stays covered, so that running it again resumes.
 */
export async function executeRun(
  deps: MaterializeDeps,
  queued: RunRecord,
  request: RunRequest,
  options: { readonly onProgress?: Progressing; readonly call?: Call },
): Promise<RunRecord> {
  const cancel = new AbortController()
  const signals = [cancel.signal, ...(options.call?.signal === undefined ? [] : [options.call.signal])]
  const account = openAccount(queued, options.onProgress)
  let run = queued
  const end = async (state: 'succeeded' | 'failed' | 'cancelled', facts: Partial<RunRecord>): Promise<RunRecord> =>
    deps.runLog.putRun({ ...run, ...account.facts(), ...facts, state, endedAt: deps.clock.now() }, [
      'queued',
      'running',
    ])
  const endBadly = async (thrown: unknown): Promise<RunRecord> => {
    const error = asProvenderError(cancel.signal.aborted ? cancel.signal.reason : thrown)
    const stopped = error.code === 'RUN_CANCELLED' || error.code === 'INTERRUPTED'
    // A server that ends leaves its runs to the others, or to itself when it is back: as queued or running, to be taken over.
    if (deps.resume !== null && deps.closing.aborted && error.code === 'INTERRUPTED' && !account.covered)
      return { ...run, state: 'cancelled', error: { code: error.code, detail: error.message } }
    if (account.covered) account.notes.push('It ended after all that it read was online, and covered.')
    return end(stopped ? 'cancelled' : 'failed', { error: { code: error.code, detail: error.message } })
  }
  const watch = watchRun(deps, account, {
    run: () => run,
    cancelled: () => cancel.abort(fail('RUN_CANCELLED', `The run ${run.id} was cancelled`)),
  })
  try {
    await using lease = await takeTurn(deps, run, () => account.tell('waiting'), {
      ...options.call,
      signal: AbortSignal.any([...signals, deps.closing]),
    })
    deps.reached?.('leased')
    // The end is recorded under the lease: who holds it next takes a run that still says running for one that lost it.
    try {
      await takeOver(deps, run)
      run = await deps.runLog.putRun({ ...run, state: 'running', startedAt: deps.clock.now() }, ['queued'])
      if (run.state !== 'running') return run
      const call: Call = { ...options.call, signal: AbortSignal.any([...signals, lease.lost, deps.stopping]) }
      await runAttempt(deps, run.view, request, { lease, call, account })
      account.tell('done')
      return await end('succeeded', {})
    } catch (thrown) {
      return await endBadly(thrown)
    }
  } catch (thrown) {
    return await endBadly(thrown)
  } finally {
    clearInterval(watch)
  }
}

/** Looks again and again whether a run was cancelled, and records how far it is. */
function watchRun(
  { runLog, waits }: MaterializeDeps,
  account: RunAccount,
  { run, cancelled }: { readonly run: () => RunRecord; readonly cancelled: () => void },
): NodeJS.Timeout {
  let recordedAtMs = performance.now()
  const look = async (): Promise<void> => {
    const due = run().state === 'running' && performance.now() - recordedAtMs >= recordEveryMs
    if (due) recordedAtMs = performance.now()
    const now = due
      ? await runLog.putRun({ ...run(), ...account.facts() }, ['running'])
      : (await runLog.runs({ id: run().id, limit: 1 }))[0]
    if (now?.cancel === true) cancelled()
  }
  // What cannot be looked at now is looked at the next time.
  return setInterval(() => void look().catch(() => undefined), waits.pollMs)
}
