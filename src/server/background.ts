import { setTimeout } from 'node:timers/promises'
import type { Store } from '../contract/store.ts'
import type { ServerContext } from './context.ts'
import { asProvenderError } from '../kernel/errors.ts'
import { serverLimits } from './server-limits.ts'

/**
 * Brings the push log online and frees what is due, again and again. What goes wrong is logged and tried again, each time after
 * twice the wait. Disposing it ends it.
 */
export function startBackground(
  store: Pick<Store, 'maintain'>,
  everyMs: number,
  log: ServerContext['log'],
): AsyncDisposable {
  const ending = new AbortController()
  const { signal } = ending
  const rounds = (async () => {
    let failures = 0
    while (!signal.aborted) {
      const waitMs = Math.min(everyMs * 2 ** Math.min(failures, 16), Math.max(everyMs, serverLimits.backoffMs))
      await setTimeout(waitMs, undefined, { signal, ref: false }).catch(() => undefined)
      if (signal.aborted) return
      try {
        await store.maintain({ signal })
        if (failures > 0) log.info('Background work goes on')
        failures = 0
      } catch (thrown) {
        if (signal.aborted) return
        failures += 1
        const { code, message } = asProvenderError(thrown)
        log.error({ err: thrown, code, failures }, `Background work failed: ${message}`)
      }
    }
  })()
  return {
    async [Symbol.asyncDispose]() {
      ending.abort()
      await rounds
    },
  }
}
