import { randomBytes } from 'node:crypto'

/** A new name of a run; those of one clock sort by when they were queued. */
export const newRunId = (now: bigint): string => `run_${now.toString(36)}${randomBytes(3).toString('hex')}`
