import type { Run, RunProgress } from '../contract/store.ts'
import type { ServerContext } from './context.ts'
import type { Handlers } from './handler.ts'

/** Progress of runs that is remembered at most: of those beyond, the oldest is forgotten. */
const keptProgress = 1000

/** Materializations. */
export function runHandlers({
  store,
}: ServerContext): Pick<Handlers, 'materialize' | 'maintain' | 'runs' | 'run' | 'cancelRun'> {
  const progress = new Map<string, RunProgress>()
  const onProgress = (told: RunProgress): void => {
    progress.delete(told.run)
    if (told.phase === 'done') return
    progress.set(told.run, told)
    const [oldest] = progress.keys()
    if (progress.size > keptProgress && oldest !== undefined) progress.delete(oldest)
  }
  const withProgress = (run: Run): object => {
    const told = run.state === 'running' || run.state === 'queued' ? progress.get(run.id) : undefined
    return told === undefined ? run : { ...run, progress: told }
  }
  return {
    async materialize(asked) {
      const { query, body } = asked
      const { views, ...options } = body
      if (query.wait === true)
        return {
          status: 200,
          body: JSON.stringify({ runs: await store.materialize(views, { ...options, ...asked.call }) }),
        }
      // A run that nobody waits for goes on whoever leaves: it carries no signal and no deadline.
      return JSON.stringify({ runs: await store.startMaterialize(views, { ...options, onProgress }) })
    },
    async maintain({ call }) {
      await store.maintain(call)
      return '{}'
    },
    runs: async ({ query, call }) => JSON.stringify({ runs: await store.runs(query, call) }),
    run: async ({ params, call }) => JSON.stringify(withProgress(await store.run(params.id, call))),
    cancelRun: async ({ params, call }) => JSON.stringify(await store.cancelRun(params.id, call)),
  }
}
