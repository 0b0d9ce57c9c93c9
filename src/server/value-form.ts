import type { IncomingHttpHeaders } from 'node:http'
import { parseExact } from '../codecs/exact-json.ts'
import { readJs } from '../codecs/js-json.ts'
import { pointerTo } from '../codecs/json-value.ts'
import { valuesHeader } from '../contract/wire-names.ts'
import { fail, isProvenderError } from '../kernel/errors.ts'

/** How the values of a request are written, and the values, ready for the store. */
export interface SentValues<T> {
  readonly form: 'json' | 'js' | 'text'
  readonly values: T
}

/** The values of a body, by `x-provender-values`; in the wire form without it. @throws BAD_REQUEST for a form that is none, and for values that cannot be read. */
export function sentValues<T>(headers: IncomingHttpHeaders, values: T): SentValues<T> {
  const form = headers[valuesHeader]
  if (form === undefined) return { form: 'json', values }
  // What it is afterwards, the store looks at as at all that comes to it.
  return { form: formOf(form), values: readJs(values) as T }
}

/** Join keys of a query string: texts, or with `x-provender-values` JSON. @throws as `sentValues`. */
export function sentKeys(
  headers: IncomingHttpHeaders,
  keys: Readonly<Record<string, string>>,
): SentValues<Readonly<Record<string, unknown>>> {
  const form = headers[valuesHeader]
  if (form === undefined) return { form: 'text', values: keys }
  const read = Object.entries(keys).map(([name, text]) => [name, readJs(parsedKey(name, text))] as const)
  return { form: form === 'json' ? 'json' : formOf(form), values: Object.fromEntries(read) }
}

function parsedKey(name: string, text: string): unknown {
  try {
    return parseExact(text, `the parameter "${name}"`)
  } catch (thrown) {
    if (!isProvenderError(thrown)) throw thrown
    throw fail(thrown.code, thrown.message, { at: pointerTo('', name), remedy: thrown.remedy, cause: thrown })
  }
}

function formOf(text: string | readonly string[]): 'js' | 'text' {
  if (text === 'js' || text === 'text') return text
  throw fail('BAD_REQUEST', `${valuesHeader} is js or text, not "${String(text).slice(0, shownChars)}"`, {
    at: valuesHeader,
  })
}

const shownChars = 64
