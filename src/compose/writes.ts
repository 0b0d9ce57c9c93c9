import { textOf } from '../contract/arguments.ts'
import type { Store } from '../contract/store.ts'
import { listDeadLetters, replayDeadLetters } from '../ingest/dead-letters.ts'
import { push } from '../ingest/push.ts'
import { remove } from '../ingest/remove.ts'
import { isProvenderError } from '../kernel/errors.ts'
import { callOf } from './arguments.ts'
import type { Parts } from './parts.ts'
import type { Observers } from './telemetry.ts'

/** The verbs that write rows. */
export function writes(
  parts: Parts,
  observers: Observers,
): Pick<Store, 'push' | 'delete' | 'deadLetters' | 'replayDeadLetters'> {
  return {
    async push(target, rows, options) {
      const name = textOf(target)
      const request = { rows, form: options?.form ?? 'js', to: options?.to, idempotencyKey: options?.idempotencyKey }
      try {
        const answer = await push(parts, name, request, callOf(options))
        observers.tell((observer) => observer.pushed(name, { ...answer, rejected: answer.rejected.length }))
        return answer
      } catch (thrown) {
        // None was good: the first one's error, with its place.
        if (isProvenderError(thrown) && thrown.at?.startsWith('/rows/') === true)
          observers.tell((observer) => observer.pushed(name, { accepted: 0, superseded: 0, rejected: rows.length }))
        throw thrown
      }
    },
    delete: async (view, keys, options) =>
      remove(parts, textOf(view), { keys, form: options?.form ?? 'js', at: options?.at }, callOf(options)),
    deadLetters: async (query, options) => listDeadLetters(parts, query ?? {}, callOf(options)),
    replayDeadLetters: async (query, options) => replayDeadLetters(parts, query ?? {}, callOf(options)),
  }
}
