import type { IncomingMessage } from 'node:http'
import type { Route } from '../contract/route.ts'

/**
 * Whether a request may use a route, by its head alone: what both lanes ask before anything else is done for it. With
 * `auth: none`, the only kind there is yet, everybody may.
 * @throws what the client is told.
 */
export function authorise(_route: Route, _request: IncomingMessage): void {
  // Nothing to refuse.
}
