import type { Run } from '../contract/store.ts'
import type { RunRecord } from '../ports/run-log.ts'
import { formatInstant } from '../values/instant.ts'

/** A run in the contract's shape; one that is under way counts its seconds up to now. */
export function toRun(run: RunRecord, now: bigint): Run {
  const seconds = run.startedAt === null ? 0 : Number((run.endedAt ?? now) - run.startedAt) / 1e6
  return {
    id: run.id,
    kind: run.kind,
    view: run.view,
    state: run.state,
    interval: [run.interval[0] === null ? null : formatInstant(run.interval[0]), formatInstant(run.interval[1])],
    rows: run.rows,
    written: run.written,
    superseded: run.superseded,
    skipped: run.skipped,
    startedAt: run.startedAt === null ? null : formatInstant(run.startedAt),
    seconds: Math.max(0, seconds),
    notes: run.notes,
    ...(run.state === 'running' && run.progress !== null
      ? {
          progress: {
            run: run.id,
            view: run.view,
            ...run.progress,
            rows: run.written,
            rowsPerSecond: seconds > 0 ? run.written / seconds : 0,
          },
        }
      : {}),
    ...(run.error === null ? {} : { error: run.error }),
  }
}
