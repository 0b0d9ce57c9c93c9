import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { Route } from '../contract/route.ts'
import { fail } from '../kernel/errors.ts'
import { serverLimits } from './server-limits.ts'

/** What is left of a request's time; undefined where it has no deadline. @throws BAD_REQUEST; DEADLINE_EXCEEDED where nothing is left. */
export function timeLeftMs(route: Route, headers: IncomingHttpHeaders, receivedAtMs: number): number | undefined {
  const text = headers['x-timeout-ms']
  // Unless the client asks for one, the time that a body takes to arrive does not count: it has limits of its own.
  if (text === undefined) return route.timeoutMs ?? undefined
  const askedMs = typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (askedMs < 1 || askedMs > serverLimits.deadlineMs)
    throw fail('BAD_REQUEST', `x-timeout-ms is a whole number of milliseconds from 1 to ${serverLimits.deadlineMs}`, {
      at: 'x-timeout-ms',
    })
  const leftMs = askedMs - (performance.now() - receivedAtMs)
  if (leftMs <= 0) throw fail('DEADLINE_EXCEEDED', 'The deadline passed while the request arrived')
  return Math.ceil(leftMs)
}

/**
 * A signal that is aborted when the client goes away before its answer is there. Its controller is in `underway` for as long as
 * that takes, for whoever stops the server. (`AbortSignal.any` with a signal of the server's life keeps every signal that still has a listener.)
 */
export function signalOf(response: ServerResponse, underway: Set<AbortController>): AbortSignal {
  const request = new AbortController()
  const leave = (): void => {
    underway.delete(request)
    if (!response.writableFinished) request.abort(fail('INTERRUPTED', 'The client went away'))
  }
  underway.add(request)
  if (response.destroyed) leave()
  else response.once('close', leave)
  return request.signal
}
