import { failureOf, textsOf } from '../contract/arguments.ts'
import type { CallOptions, MaterializeOptions, Named, Run, RunProgress, Store } from '../contract/store.ts'
import { isProvenderError } from '../kernel/errors.ts'
import type { CallEnd } from './call-end.ts'
import type { Caller } from './caller.ts'
import { clientLimits } from './client-limits.ts'
import { instantText, jsonText } from './request-text.ts'

/** The verbs of materializations. Runs are the server's: who waits for them looks at them again and again, so that no connection has to stand still for as long. */
export function runVerbs(
  caller: Caller,
): Pick<Store, 'materialize' | 'startMaterialize' | 'runs' | 'run' | 'cancelRun'> {
  const start = async (
    views: Named | readonly Named[] | undefined,
    options: MaterializeOptions | undefined,
  ): Promise<Run[]> => {
    const { since, repair } = options ?? {}
    const body = {
      ...(views === undefined ? {} : { views: textsOf(views) }),
      start: instantText(options?.start, 'start'),
      end: instantText(options?.end, 'end'),
      since,
      repair,
    }
    if (body.views?.length === 0) {
      using _ = caller.begin('materialize', options)
      return []
    }
    return (await caller.ask('materialize', { body: JSON.stringify(body) }, options)).runs as Run[]
  }
  return {
    async materialize(views, options) {
      using end = caller.beginWaiting(options)
      const started = await start(views, options)
      const ended = await waitFor(caller, started, { options, end })
      const bad = ended.find((run) => run.state !== 'succeeded')
      if (bad !== undefined) throw failureOf(bad)
      return ended
    },
    startMaterialize: start,
    async runs(query = {}, options) {
      const { limit, ...rest } = query
      return (await caller.ask('runs', { query: { ...rest, limit: jsonText(limit) } }, options)).runs as Run[]
    },
    run: async (id, options) => (await caller.ask('run', { params: { id } }, options)) as Run,
    cancelRun: async (id, options) => (await caller.ask('cancelRun', { params: { id }, body: '{}' }, options)) as Run,
  }
}

interface Waiting {
  readonly options: MaterializeOptions | undefined
  readonly end: CallEnd
}

/** Waits until all runs have ended. One that nobody waits for any more is cancelled. */
async function waitFor(caller: Caller, started: readonly Run[], waiting: Waiting): Promise<Run[]> {
  try {
    const ended: Run[] = []
    for (const run of started) ended.push(await endOf(caller, run, waiting))
    return ended
  } catch (thrown) {
    if (waiting.end.reason !== undefined) await cancelAll(caller, started)
    throw thrown
  }
}

async function endOf(caller: Caller, run: Run, { options, end }: Waiting): Promise<Run> {
  const tell = teller(run, options?.onProgress)
  const call: CallOptions = { signal: end.signal }
  let waitMs: number = clientLimits.firstPollMs
  let seenAtMs = performance.now()
  for (;;) {
    try {
      const now = (await caller.ask('run', { params: { id: run.id } }, call)) as Run
      seenAtMs = performance.now()
      tell(now)
      if (now.state !== 'queued' && now.state !== 'running') return now
    } catch (thrown) {
      // A server that is started anew takes its runs up again.
      const isPassing = isProvenderError(thrown) && thrown.retryable && end.reason === undefined
      if (!isPassing || performance.now() - seenAtMs > clientLimits.pollPatienceMs) throw thrown
    }
    await end.sleep(waitMs)
    waitMs = Math.min(waitMs * pollFactor, clientLimits.longestPollMs)
  }
}

const pollFactor = 1.5

/** Tells the progress of a run: what the server tells of it, or as much as its state says. Told again only where it is another. */
function teller(run: Run, onProgress: ((progress: RunProgress) => void) | undefined): (now: Run) => void {
  let last = ''
  return (now) => {
    if (onProgress === undefined) return
    const phase = now.state === 'queued' ? 'waiting' : now.state === 'running' ? 'reading' : 'done'
    if (phase === 'done' && now.state !== 'succeeded') return
    const progress: RunProgress = now.progress ?? {
      run: run.id,
      view: run.view,
      phase,
      rows: phase === 'done' ? now.written : now.rows,
      fraction: phase === 'done' ? 1 : null,
      rowsPerSecond: now.seconds > 0 ? now.rows / now.seconds : 0,
    }
    const text = JSON.stringify(progress)
    if (text !== last) onProgress(progress)
    last = text
  }
}

/** What cannot be cancelled ends by itself; the caller has gone on. */
async function cancelAll(caller: Caller, runs: readonly Run[]): Promise<void> {
  const asked = runs.map((run) =>
    caller.ask('cancelRun', { params: { id: run.id }, body: '{}' }, { timeoutMs: clientLimits.cancelMs }),
  )
  await Promise.allSettled(asked)
}
