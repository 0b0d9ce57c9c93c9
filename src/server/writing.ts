import { stringifyExact } from '../codecs/exact-json.ts'
import { toldLimit } from '../define/request-limits.ts'
import { fail } from '../kernel/errors.ts'
import type { ServerContext } from './context.ts'
import type { Handlers } from './handler.ts'
import { sentKeys, sentValues } from './value-form.ts'

/** Rows in, and rows that were refused. */
export function writeHandlers({
  store,
  limits,
}: ServerContext): Pick<Handlers, 'push' | 'delete' | 'deadLetters' | 'replayDeadLetters' | 'load'> {
  return {
    async push({ params, body, headers, call }) {
      const key = headers['idempotency-key']
      if (Array.isArray(key))
        throw fail('BAD_REQUEST', 'idempotency-key is given several times', { at: 'idempotency-key' })
      if (body.rows.length > limits.batchRows)
        throw fail(
          'PAYLOAD_TOO_LARGE',
          `${body.rows.length} rows were pushed in one call, which takes ${toldLimit(limits, 'batchRows')}`,
          { at: '/rows' },
        )
      // What is no object among the rows is refused by the store, as a row.
      const { form, values } = sentValues(headers, body.rows as readonly Readonly<Record<string, unknown>>[])
      const answer = await store.push(params.target, values, {
        ...call,
        form: form === 'js' ? 'js' : 'json',
        ...(body.to === undefined ? {} : { to: body.to }),
        ...(key === undefined ? {} : { idempotencyKey: key }),
      })
      return JSON.stringify(answer)
    },
    async delete({ params, query, keys, headers, call }) {
      const { form, values } = sentKeys(headers, keys)
      return JSON.stringify(
        await store.delete(params.view, values, {
          ...call,
          form,
          ...(query._at === undefined ? {} : { at: query._at }),
        }),
      )
    },
    deadLetters: async ({ query, call }) => stringifyExact(await store.deadLetters(query, call)),
    replayDeadLetters: async ({ body, call }) => JSON.stringify(await store.replayDeadLetters(body, call)),
    load: async ({ body, call }) => JSON.stringify(await store.load(body.sources, call)),
  }
}
