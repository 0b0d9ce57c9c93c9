import type { Call } from '../kernel/call.ts'
import type { RunRecord } from '../ports/run-log.ts'
import type { MaterializeDeps } from './deps.ts'

/** Runs looked at in one go, the newest: the next go sees the rest. */
const lookedAt = 100

/**
 * Ends, as failed, queued and running runs that nobody will end any more, since their process was killed. Safe in any
 * number of processes at once. `holder` is a run that holds its view's lease: then only that view's runs are looked at,
 * and others of it that still say running have lost the lease, wherever they run.
 */
export async function endAbandoned(deps: MaterializeDeps, holder: RunRecord | null, call?: Call): Promise<void> {
  const of = holder === null ? {} : { view: holder.view }
  for (const state of ['running', 'queued'] as const) {
    for (const other of await deps.runLog.runs({ ...of, state, limit: lookedAt }, call)) {
      if (other.id === holder?.id) continue
      const killed = deps.isDead(other.owner)
      if (!killed && (holder === null || state === 'queued')) continue
      const error = killed
        ? { code: 'INTERRUPTED', detail: 'Its process was killed' }
        : { code: 'LEASE_LOST', detail: `The run ${holder?.id} took over` }
      await deps.runLog.putRun({ ...other, state: 'failed', endedAt: deps.clock.now(), error }, [state], call)
    }
  }
}
