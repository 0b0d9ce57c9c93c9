import { setTimeout } from 'node:timers/promises'
import type { Store } from '../contract/store.ts'
import type { Health, ServerContext } from './context.ts'
import { asProvenderError } from '../kernel/errors.ts'
import { serverLimits } from './server-limits.ts'

/** Background work that goes on until it is disposed. */
export interface Background extends AsyncDisposable {
  /** How the last round went. */
  readonly health: Health
}

/**
 * Brings the push log online and frees what is due, again and again. What goes wrong is logged and tried again, each time after
 * twice the wait.
 */
export function startBackground(
  store: Pick<Store, 'maintain'>,
  everyMs: number,
  log: ServerContext['log'],
): Background {
  let health: Health = { ok: true }
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
        health = { ok: true }
      } catch (thrown) {
        if (signal.aborted) return
        failures += 1
        const { code, message } = asProvenderError(thrown)
        health = { ok: false, detail: message }
        log.error({ err: thrown, code, failures }, `Background work failed: ${message}`)
      }
    }
  })()
  return {
    get health() {
      return health
    },
    async [Symbol.asyncDispose]() {
      ending.abort()
      await rounds
    },
  }
}
