import { failureOf, instantOf, textsOf } from '../contract/arguments.ts'
import type { MaterializeOptions, Named, Run, RunProgress, Store } from '../contract/store.ts'
import type { RunRequest } from '../decide/attempt.ts'
import { fail } from '../kernel/errors.ts'
import type { Progressing } from '../materialize/run-account.ts'
import { type StartedRuns, cancelRun, resumeRun, startRuns } from '../materialize/start.ts'
import type { RunRecord } from '../ports/run-log.ts'
import { callOf, durationOf } from './arguments.ts'
import type { Parts } from './parts.ts'
import { toRun } from './run-shape.ts'

/** Runs listed unless asked for fewer or more. */
const listedRuns = 50

/** Who has to hear of runs: of every started one, so that a closing store can wait for it, and of every one that ended. */
export interface RunListeners {
  readonly begun: (ended: Promise<unknown>) => void
  readonly ran: (run: Run) => void
}

/** The verbs that run, list and end materializations. */
export function runs(
  parts: Parts,
  { begun, ran }: RunListeners,
): Pick<Store, 'materialize' | 'startMaterialize' | 'runs' | 'run' | 'cancelRun'> {
  const shape = (run: RunRecord) => toRun(run, parts.clock.now())
  const start = async (
    views: Named | readonly Named[] | undefined,
    options: MaterializeOptions = {},
  ): Promise<StartedRuns> => {
    const started = await startRuns(
      parts,
      views === undefined ? undefined : textsOf(views),
      requestOf(parts, options),
      {
        call: callOf(options),
        onEnd: (run) => ran(shape(run)),
        ...(options.onProgress === undefined ? {} : { onProgress: progressOf(options.onProgress) }),
      },
    )
    begun(started.ended)
    return started
  }
  return {
    async materialize(views, options) {
      const ended = await (await start(views, options)).ended
      const bad = ended.find((run) => run.state !== 'succeeded')
      if (bad !== undefined) throw failureOf(bad)
      return ended.map(shape)
    },
    async startMaterialize(views, options) {
      return (await start(views, options)).queued.map(shape)
    },
    async runs(query, options) {
      const found = await parts.runLog.runs({ ...query, limit: query?.limit ?? listedRuns }, callOf(options))
      return found.map(shape)
    },
    async run(id, options) {
      const [found] = await parts.runLog.runs({ id, limit: 1 }, callOf(options))
      if (found === undefined) throw fail('UNKNOWN_RUN', `There is no run "${id}"`)
      return shape(found)
    },
    async cancelRun(id, options) {
      return shape(await cancelRun(parts, id, callOf(options)))
    },
  }
}

/** Goes on with runs whose process has ended, one after another, as all runs that are started together. */
export function resuming(parts: () => Parts, { begun, ran }: RunListeners): (queued: RunRecord) => Promise<unknown> {
  let last: Promise<unknown> = Promise.resolve()
  return (queued) => {
    const ended = last.then(async () => {
      const run = await resumeRun(parts(), queued)
      ran(toRun(run, parts().clock.now()))
    })
    last = ended.catch(() => undefined)
    begun(ended)
    return ended
  }
}

function requestOf(parts: Parts, options: MaterializeOptions): RunRequest {
  if (options.since !== undefined && options.start !== undefined)
    throw fail('BAD_REQUEST', 'Both `start` and `since` are given', { at: '/since', remedy: 'Give one of them.' })
  const start =
    options.start === undefined
      ? options.since === undefined
        ? undefined
        : parts.clock.now() - durationOf(options.since, 'since')
      : instantOf(options.start, 'start')
  return {
    repair: options.repair ?? false,
    ...(start === undefined ? {} : { start }),
    ...(options.end === undefined ? {} : { end: instantOf(options.end, 'end') }),
  }
}

function progressOf(report: (progress: RunProgress) => void): (run: RunRecord) => Progressing {
  return (run) => {
    const startedMs = performance.now()
    return ({ phase, fraction }, written) => {
      const seconds = (performance.now() - startedMs) / 1000
      report({
        run: run.id,
        view: run.view,
        phase,
        rows: written,
        fraction,
        rowsPerSecond: seconds > 0 ? written / seconds : 0,
      })
    }
  }
}
