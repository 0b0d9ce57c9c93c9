import { randomBytes } from 'node:crypto'
import type { RunRecord } from '../ports/run-log.ts'
import type { MaterializeDeps } from './deps.ts'

/** What a run is to do, and when it was queued. */
type Wanted = Pick<RunRecord, 'kind' | 'view' | 'interval' | 'repair' | 'takeOvers' | 'queuedAt'>

/** The record of a run of this store that is queued. Names of one clock sort by when they were queued. */
export const newRun = (
  { owner, presence }: Pick<MaterializeDeps, 'owner' | 'presence'>,
  wanted: Wanted,
): RunRecord => ({
  ...wanted,
  id: `run_${wanted.queuedAt.toString(36)}${randomBytes(3).toString('hex')}`,
  state: 'queued',
  owner,
  presence: presence.name,
  rows: 0,
  written: 0,
  superseded: 0,
  skipped: 0,
  startedAt: null,
  endedAt: null,
  error: null,
  cancel: false,
  notes: [],
  waitingAtMs: null,
  progress: null,
})
