import { errorTable, fail, isErrorCode } from '../kernel/errors.ts'
import { nearest } from '../kernel/nearest.ts'
import { problemType } from '../contract/route.ts'
import type { ServerContext } from './context.ts'
import type { Handlers } from './handler.ts'
import { problemReply } from './problem.ts'

/** What probes and people ask a server about itself. */
export function operationHandlers({
  store,
}: ServerContext): Pick<Handlers, 'errorCode' | 'doctor' | 'livez' | 'readyz'> {
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
      const dependencies = await store.health(call)
      const down = Object.keys(dependencies).filter((name) => dependencies[name]?.ok !== true)
      if (down.length === 0) return JSON.stringify({ ok: true, dependencies })
      const { status, headers, text } = problemReply(fail('STORE_UNREACHABLE', `Not ready: ${down.join(', ')}`), {
        members: { dependencies },
      })
      return { status, headers, media: problemType, body: text }
    },
  }
}
