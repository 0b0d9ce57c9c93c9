import type { RunRequest } from '../decide/attempt.ts'
import type { Snapshot } from '../decide/snapshot.ts'
import type { Call } from '../kernel/call.ts'
import { asProvenderError, fail } from '../kernel/errors.ts'
import { nearest } from '../kernel/nearest.ts'
import type { RunRecord } from '../ports/run-log.ts'
import type { MaterializeDeps } from './deps.ts'
import { newRun } from './new-run.ts'
import type { Progressing } from './run-account.ts'
import { executeRun } from './run.ts'

/** Runs that were started: their records as queued, and the same when all have ended. */
export interface StartedRuns {
  readonly queued: readonly RunRecord[]
  readonly ended: Promise<RunRecord[]>
}

/**
 * Queues one run for each view (all online views when none is named), in the order given, and begins them one after
 * another: one run keeps all cores busy.
 * @throws UNKNOWN_NAME with the nearest right name; NOT_ONLINE; BAD_REQUEST for an empty interval.
 */
export async function startRuns(
  deps: MaterializeDeps,
  views: readonly string[] | undefined,
  request: RunRequest,
  options: {
    readonly onProgress?: (run: RunRecord) => Progressing
    /** Hears of each run as it ends. */
    readonly onEnd?: (run: RunRecord) => void
    readonly call?: Call
  },
): Promise<StartedRuns> {
  const snapshot = await deps.snapshots.fresh(options.call)
  const names = views ?? [...snapshot.views.values()].filter((v) => v.head?.view.online === true).map((v) => v.name)
  for (const name of names) checkView(snapshot, name)
  const now = deps.clock.now()
  const end = request.end === undefined || request.end > now + 1n ? now + 1n : request.end
  if (request.start !== undefined && request.start >= end)
    throw fail('BAD_REQUEST', 'The interval is empty: its start is not before its end, or lies in the future', {
      at: '/start',
    })
  const queued: RunRecord[] = []
  await using undo = new AsyncDisposableStack()
  undo.use(await deps.presence.hold(options.call))
  const { start = null, repair } = request
  const wanted = { kind: 'materialize', interval: [start, end], repair, takeOvers: 0, queuedAt: now } as const
  for (const view of names)
    queued.push(await deps.runLog.putRun(newRun(deps, { ...wanted, view }), undefined, options.call))
  const kept = undo.move()
  const ended = (async (): Promise<RunRecord[]> => {
    await using _present = kept
    const done: RunRecord[] = []
    for (const run of queued) {
      const onProgress = options.onProgress?.(run)
      const executed = executeRun(deps, run, request, {
        ...(onProgress === undefined ? {} : { onProgress }),
        ...(options.call === undefined ? {} : { call: options.call }),
      })
      // One whose end cannot be recorded must not keep the others from beginning.
      const ran = await executed.catch((thrown: unknown) => unrecorded(deps, run, thrown))
      options.onEnd?.(ran)
      done.push(ran)
    }
    return done
  })()
  // Whoever only starts runs reads their end from the run log.
  ended.catch(() => undefined)
  return { queued, ended }
}

/** Runs one that was queued to go on with another; answers how it ended. */
export async function resumeRun(deps: MaterializeDeps, queued: RunRecord): Promise<RunRecord> {
  const [start, end] = queued.interval
  const request: RunRequest = { repair: queued.repair, end, ...(start === null ? {} : { start }) }
  return executeRun(deps, queued, request, {}).catch((thrown: unknown) => unrecorded(deps, queued, thrown))
}

function unrecorded({ clock }: MaterializeDeps, run: RunRecord, thrown: unknown): RunRecord {
  const { code, message } = asProvenderError(thrown)
  return { ...run, state: 'failed', endedAt: clock.now(), error: { code, detail: message } }
}

/** Asks for the end of a run: a queued one is cancelled at once, a running one at its next look. @throws UNKNOWN_RUN. */
export async function cancelRun(
  deps: Pick<MaterializeDeps, 'runLog' | 'clock'>,
  id: string,
  call?: Call,
): Promise<RunRecord> {
  const [run] = await deps.runLog.runs({ id, limit: 1 }, call)
  if (run === undefined) throw fail('UNKNOWN_RUN', `There is no run "${id}"`)
  if (run.state !== 'queued' && run.state !== 'running') return run
  const asked = await deps.runLog.putRun({ ...run, cancel: true }, [run.state], call)
  // It began between the look and the write.
  if (asked.state === 'running' && !asked.cancel)
    return deps.runLog.putRun({ ...asked, cancel: true }, ['running'], call)
  if (asked.state !== 'queued') return asked
  return deps.runLog.putRun(
    {
      ...asked,
      state: 'cancelled',
      endedAt: deps.clock.now(),
      error: { code: 'RUN_CANCELLED', detail: `The run ${id} was cancelled before it began` },
    },
    ['queued'],
    call,
  )
}

function checkView(snapshot: Snapshot, name: string): void {
  const view = snapshot.views.get(name)?.head
  if (view === undefined || view === null) {
    const near = nearest(name, snapshot.definitions.views.keys())
    throw fail(
      'UNKNOWN_NAME',
      `There is no view "${name}"`,
      near === undefined ? {} : { remedy: `Did you mean "${near}"?` },
    )
  }
  if (!view.view.online)
    throw fail('NOT_ONLINE', `The view ${name} is not online, so there is nothing to materialize`, {
      remedy: `Set  online: true  for ${name}.`,
    })
}
