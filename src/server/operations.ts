import { errorTable, fail, isErrorCode } from '../kernel/errors.ts'
import { nearest } from '../kernel/nearest.ts'
import { problemType } from '../contract/route.ts'
import type { Health, ServerContext } from './context.ts'
import type { Handlers, Reply } from './handler.ts'
import { problemReply } from './problem.ts'
import { scrapeType } from './scrape.ts'

const isApi = ({ roles }: ServerContext): boolean => roles.includes('api')

function notReady(detail: string, dependencies: Readonly<Record<string, Health>>): Reply {
  const { status, headers, text } = problemReply(fail('STORE_UNREACHABLE', detail), { members: { dependencies } })
  return { status, headers, media: problemType, body: text }
}

/** What probes and people ask a server about itself. */
export function operationHandlers(
  context: ServerContext,
): Pick<Handlers, 'errorCode' | 'doctor' | 'livez' | 'readyz' | 'metrics'> {
  const { store } = context
  return {
    errorCode({ params: { code } }) {
      if (isErrorCode(code)) return JSON.stringify({ code, ...errorTable[code] })
      const near = nearest(code, Object.keys(errorTable))
      throw fail(
        'UNKNOWN_NAME',
        `There is no error code "${code}"`,
        near === undefined ? {} : { remedy: `Did you mean ${near}?` },
      )
    },
    doctor: async ({ call }) => JSON.stringify(await store.doctor(call)),
    livez: () => '{"ok":true}',
    async readyz({ call }) {
      if (context.isDraining()) return notReady('The server is closing', {})
      const background = context.background()
      const dependencies = { ...(await store.health(call)), ...(background === null ? {} : { background }) }
      // Who answers requests goes on answering them though its background work fails, or what online reads do without is away: that is told, and no more.
      const needed = Object.entries(dependencies).filter(
        ([name, { degraded = false }]) => !isApi(context) || (name !== 'background' && !degraded),
      )
      const down = needed.filter(([, { ok }]) => !ok).map(([name]) => name)
      if (down.length === 0) return JSON.stringify({ ok: true, dependencies })
      return notReady(`Not ready: ${down.join(', ')}`, dependencies)
    },
    metrics: async () => ({ headers: { 'content-type': scrapeType }, body: await context.scrape() }),
  }
}
