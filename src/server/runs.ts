import type { ServerContext } from './context.ts'
import type { Handlers } from './handler.ts'

/** Materializations. */
export function runHandlers({
  store,
}: ServerContext): Pick<Handlers, 'materialize' | 'maintain' | 'runs' | 'run' | 'cancelRun'> {
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
      return JSON.stringify({ runs: await store.startMaterialize(views, options) })
    },
    async maintain({ call }) {
      await store.maintain(call)
      return '{}'
    },
    runs: async ({ query, call }) => JSON.stringify({ runs: await store.runs(query, call) }),
    run: async ({ params, call }) => JSON.stringify(await store.run(params.id, call)),
    cancelRun: async ({ params, call }) => JSON.stringify(await store.cancelRun(params.id, call)),
  }
}
