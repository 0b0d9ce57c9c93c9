import { randomUUID } from 'node:crypto'
import { fromJs } from '../codecs/from-js.ts'
import { textOf } from '../contract/arguments.ts'
import type { DeadLetterEntry, DeleteOptions, PushAnswer, Store } from '../contract/store.ts'
import { fail } from '../kernel/errors.ts'
import { formatInstant } from '../values/instant.ts'
import type { Caller } from './caller.ts'
import { jsonText, objectText, valuesText } from './request-text.ts'

/** What a header carries as it is. */
const headerText = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

/** The verbs that write rows. */
export function writeVerbs(caller: Caller): Pick<Store, 'push' | 'delete' | 'deadLetters' | 'replayDeadLetters'> {
  return {
    async push(target, rows, options) {
      const { text, headers } = valuesText(rows, options?.form ?? 'js')
      // Each push has a key, so that one whose answer was lost can be sent again.
      const key = options?.idempotencyKey ?? randomUUID()
      if (key !== '' && !headerText.test(key))
        throw fail('BAD_REQUEST', 'An idempotency key that goes over HTTP is made of the visible characters of ASCII', {
          at: 'idempotency-key',
        })
      return (await caller.ask(
        'push',
        {
          params: { target: textOf(target) },
          headers: { ...headers, 'idempotency-key': key },
          body: objectText({ rows: text, to: jsonText(options?.to) }),
        },
        options,
      )) as PushAnswer
    },
    async delete(view, keys, options) {
      const { query, headers } = keysOf(textOf(view), keys, options)
      const at = options?.at === undefined ? undefined : deletedAt(options.at)
      return caller.ask('delete', { params: { view: textOf(view) }, headers, query: { ...query, _at: at } }, options)
    },
    async deadLetters(query = {}, options) {
      const { limit, ...rest } = query
      const asked = { ...rest, limit: jsonText(limit) }
      return (await caller.ask('deadLetters', { query: asked }, options)) as {
        deadLetters: readonly DeadLetterEntry[]
        next?: string
      }
    },
    async replayDeadLetters(query = {}, options) {
      return caller.ask('replayDeadLetters', { body: JSON.stringify(query) }, options)
    },
  }
}

/** Join keys as they stand in a query string: texts as they are, all else as JSON with the header that says so. */
function keysOf(
  view: string,
  keys: Readonly<Record<string, unknown>>,
  { form = 'js' }: DeleteOptions = {},
): { readonly query: Readonly<Record<string, string>>; readonly headers: Readonly<Record<string, string>> } {
  const given = Object.entries(keys).filter(([, value]) => value !== undefined)
  const option = given.find(([name]) => name.startsWith('_'))
  if (option !== undefined)
    throw fail('UNKNOWN_COLUMN', `View "${view}" has no join key "${option[0]}"`, { at: `/${option[0]}` })
  if (form === 'text' && given.every(([, value]) => typeof value === 'string'))
    return { query: keys as Readonly<Record<string, string>>, headers: {} }
  const query = Object.fromEntries(given.map(([name, value]) => [name, valuesText(value, form).text]))
  return { query, headers: { 'x-provender-values': form } }
}

/** Text goes as it is: the server says what is wrong with it. @throws BAD_VALUE. */
function deletedAt(at: NonNullable<DeleteOptions['at']>): string {
  return typeof at === 'string' ? at : formatInstant(fromJs('timestamp', at, '/at') as bigint)
}
