import type { Route } from '../contract/route.ts'
import { pointerTo } from '../codecs/json-value.ts'
import { fail } from '../kernel/errors.ts'
import { noOptions } from './handler.ts'
import { read } from './request-faults.ts'

/** A query string taken apart: the route's options, and what else stands in it. */
interface QueryParts {
  readonly options: unknown
  readonly keys: Readonly<Record<string, string>>
}

/** What cannot be decoded is left as it is by the parser: a key of another name than was meant. */
function demandEncoded(url: string): void {
  const start = url.indexOf('?')
  if (start === -1 || !url.includes('%', start)) return
  try {
    decodeURIComponent(url.slice(start))
  } catch (thrown) {
    throw fail('BAD_REQUEST', 'The query string holds a percent sign that escapes nothing, or no UTF-8', {
      cause: thrown,
      remedy: 'Encode it as RFC 3986 says.',
    })
  }
}

/** Reads a query string by its route. @throws UNKNOWN_MEMBER, BAD_REQUEST: all that is wrong with its options as one. */
export function readQuery(route: Route, query: Readonly<Record<string, unknown>>, url: string): QueryParts {
  demandEncoded(url)
  if (!route.keysInQuery) return { options: read(route.query, query, 'query'), keys: noOptions }
  let options: Record<string, unknown> | undefined
  const keys = Object.create(null) as Record<string, string>
  for (const name in query) {
    const value = query[name]
    if (name.startsWith('_')) (options ??= Object.create(null) as Record<string, unknown>)[name] = value
    else if (typeof value === 'string') keys[name] = value
    else
      throw fail('BAD_REQUEST', `The parameter "${name}" stands ${Array.isArray(value) ? value.length : 0} times`, {
        at: pointerTo('', name),
        remedy: 'Give it once.',
      })
  }
  return { options: options === undefined ? noOptions : read(route.query, options, 'query'), keys }
}
