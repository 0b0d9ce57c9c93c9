import type { RouteName } from '../contract/routes.ts'
import { routes } from '../contract/routes.ts'
import { fail, type ProvenderError } from '../kernel/errors.ts'
import { nearest } from '../kernel/nearest.ts'

/** Why no route answers: there is none of that path, or none of that method. */
export interface Unrouted {
  readonly error: ProvenderError
  /** The methods that the path has. */
  readonly allow: readonly string[]
}

const patterns = Object.values(routes).map(({ method, path }) => ({
  method,
  path,
  pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
}))

/** Says why a request has no route. */
export function unrouted(method: string, url: string): Unrouted {
  const path = url.split('?', 1)[0] ?? ''
  const methods = [
    ...new Set(
      patterns
        .filter(({ pattern }) => pattern.test(path))
        .flatMap((route) => (route.method === 'GET' ? ['GET', 'HEAD'] : [route.method])),
    ),
  ].sort()
  if (methods.length > 0)
    return {
      allow: methods,
      error: fail('METHOD_NOT_ALLOWED', `${method} is not allowed on ${path}`, {
        remedy: `Use ${methods.join(' or ')}.`,
      }),
    }
  const near = nearest(path, new Set(patterns.map((route) => route.path)))
  return {
    allow: [],
    error: fail(
      'UNKNOWN_ROUTE',
      `There is no route ${path}`,
      near === undefined ? {} : { remedy: `Did you mean ${near}?` },
    ),
  }
}

/** A route's path in the words of the router: parameters behind a colon. */
export const routerPath = (name: RouteName): string => routes[name].path.replaceAll(/\{(\w+)\}/g, ':$1')
