import assert from 'node:assert/strict'
import type { Clock } from '../kernel/clock.ts'
import type { ErrorCode } from '../kernel/error-table.ts'
import { isProvenderError } from '../kernel/errors.ts'
import type { WireDefinitions } from '../define/definition.ts'
import { type Generation, type Generations, noGenerations } from '../decide/generations.ts'
import type { Progress } from '../decide/progress.ts'
import type { Commit, Registry } from '../ports/registry.ts'
import type { RunLog, RunRecord } from '../ports/run-log.ts'

/** The ports of one store, as one process opens them. */
export interface OpenMetadata extends AsyncDisposable {
  readonly registry: Registry
  readonly runLog: RunLog
}

/** What the laws of the metadata ports are run on: one empty store, opened as often as a law needs, each time as another process would. */
export interface MetadataHarness {
  open(clock: Clock): Promise<OpenMetadata>
}

/** An instant to count from: 2026-01-01T00:00:00Z. */
export const start = 1_767_225_600_000_000n

/** Definitions that differ by their name. */
export const definitionsNamed = (name: string): WireDefinitions => ({
  entities: { [name]: { keys: { [name]: 'string' }, tags: { of: 'ß "quoted" \\ 日本' } } },
  sources: {},
  views: {},
  on_demand: {},
  services: {},
})

/** A commit of definitions that differ by their name. */
export const commitOf = (name: string, parent: number, rest: Partial<Commit> = {}): Commit => ({
  parent,
  definitions: definitionsNamed(name),
  author: name,
  changes: 1,
  generations: [],
  at: start,
  ...rest,
})

/** A generation with instants that no double holds. */
export const generationAt = (generation: bigint): Generation => ({
  generation,
  revision: generation + 1n,
  definition: 3,
  bornAtMs: 1_767_225_600_123,
})

export const generationsAt = (generation: bigint): Generations => ({
  ...noGenerations,
  serving: generationAt(generation),
})

/** Everything that a document can hold, at its extremes. */
export const wholeGenerations: Generations = {
  serving: generationAt(9_007_199_254_740_993n),
  building: generationAt(9_223_372_036_854_775_806n),
  replaced: [{ ...generationAt(-9_223_372_036_854_775_808n), replacedAtMs: 12 }],
  removedAtMs: 1_767_225_600_124,
  purgedBelow: 9_223_372_036_854_775_807n,
}
export const wholeProgress: Progress = {
  lastAttempt: 9_007_199_254_740_995n,
  generations: [
    {
      generation: 9_007_199_254_740_993n,
      finished: 0n,
      begun: [9_007_199_254_740_994n, 9_007_199_254_740_995n],
      known: [
        {
          id: 7,
          path: '/data/ä "b".parquet',
          sizeBytes: 9_007_199_254_740_991,
          mtimeUs: -1n,
          inode: 9_223_372_036_854_775_807n,
        },
      ],
      knownPosition: 5n,
      coverage: [
        {
          revision: 9_007_199_254_740_994n,
          intervals: [
            { start: null, end: -62_135_596_800_000_000n },
            { start: 0n, end: 9_007_199_254_740_993n },
          ],
          files: [7],
          position: 9_007_199_254_740_993n,
        },
      ],
    },
  ],
}

export const runNamed = (id: string, rest: Partial<RunRecord> = {}): RunRecord => ({
  id,
  kind: 'materialize',
  view: 'delays',
  state: 'queued',
  interval: [null, 9_007_199_254_740_993n],
  repair: false,
  owner: { host: 'here', boot: 'boot', pid: 7, startedAt: '1' },
  rows: 0,
  written: 0,
  superseded: 0,
  skipped: 0,
  queuedAt: start,
  startedAt: null,
  endedAt: null,
  error: null,
  cancel: false,
  notes: [],
  presence: null,
  takeOvers: 0,
  waitingAtMs: null,
  progress: null,
  ...rest,
})

/** Asserts that a call is refused with a code of the one error table. */
export async function refused(code: ErrorCode, call: () => Promise<unknown>): Promise<void> {
  await assert.rejects(call, (thrown) => {
    assert.ok(isProvenderError(thrown), `an error of Provender, not ${String(thrown)}`)
    assert.equal(thrown.code, code)
    return true
  })
}
