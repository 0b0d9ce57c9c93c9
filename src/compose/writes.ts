import { textOf } from '../contract/arguments.ts'
import type { Store } from '../contract/store.ts'
import { listDeadLetters, replayDeadLetters } from '../ingest/dead-letters.ts'
import { push } from '../ingest/push.ts'
import { remove } from '../ingest/remove.ts'
import { callOf } from './arguments.ts'
import type { Parts } from './parts.ts'

/** The verbs that write rows. */
export function writes(parts: Parts): Pick<Store, 'push' | 'delete' | 'deadLetters' | 'replayDeadLetters'> {
  return {
    push: async (target, rows, options) =>
      push(
        parts,
        textOf(target),
        { rows, form: options?.form ?? 'js', to: options?.to, idempotencyKey: options?.idempotencyKey },
        callOf(options),
      ),
    delete: async (view, keys, options) =>
      remove(parts, textOf(view), { keys, form: options?.form ?? 'js', at: options?.at }, callOf(options)),
    deadLetters: async (query, options) => listDeadLetters(parts, query ?? {}, callOf(options)),
    replayDeadLetters: async (query, options) => replayDeadLetters(parts, query ?? {}, callOf(options)),
  }
}
