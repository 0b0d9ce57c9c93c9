import type { Route } from '../contract/route.ts'
import { pointerTo } from '../codecs/json-value.ts'
import { fail } from '../kernel/errors.ts'
import { read } from './request-faults.ts'

/** A query string taken apart: the route's options, and what else stands in it. */
interface QueryParts {
  readonly options: unknown
  readonly keys: Readonly<Record<string, string>>
}

const nothing: Readonly<Record<string, never>> = Object.freeze({})

/** Reads a query string by its route. @throws UNKNOWN_MEMBER, BAD_REQUEST: all that is wrong with its options as one. */
export function readQuery(route: Route, query: Readonly<Record<string, unknown>>): QueryParts {
  if (!route.keysInQuery) return { options: read(route.query, query, 'query'), keys: nothing }
  let options: Record<string, unknown> | undefined
  const keys = Object.create(null) as Record<string, string>
  for (const name in query) {
    const value = query[name]
    if (name.startsWith('_')) (options ??= {})[name] = value
    else if (typeof value === 'string') keys[name] = value
    else
      throw fail('BAD_REQUEST', `The parameter "${name}" stands ${Array.isArray(value) ? value.length : 0} times`, {
        at: pointerTo('', name),
        remedy: 'Give it once.',
      })
  }
  return { options: options === undefined ? nothing : read(route.query, options, 'query'), keys }
}
