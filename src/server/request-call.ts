import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import type { Depth } from '../codecs/exact-json.ts'
import { type Route, probeTimeoutMs } from '../contract/route.ts'
import type { CallOptions } from '../contract/store.ts'
import { type RequestLimits, toldLimit } from '../define/request-limits.ts'
import { fail } from '../kernel/errors.ts'

/** When requests arrived that the hot lane looked at before the router did. */
export const arrivedAtMs = new WeakMap<IncomingMessage, number>()

/** The status, as others call it, of a request that nobody waited for the answer of. */
export const clientLeft = 499

/** How deep a JSON body may be. */
export const depthOf = (limits: RequestLimits): Depth => ({
  levels: limits.jsonDepth,
  told: toldLimit(limits, 'jsonDepth'),
})

/** The deadline of a route that a request brings none for; undefined where it has none. */
function usualMs({ deadline }: Route, limits: RequestLimits): number | undefined {
  return deadline === 'none' ? undefined : deadline === 'probe' ? probeTimeoutMs : limits[deadline]
}

/** What is left of a request's time; undefined where it has no deadline. @throws BAD_REQUEST; DEADLINE_EXCEEDED where nothing is left. */
export function timeLeftMs(
  route: Route,
  limits: RequestLimits,
  headers: IncomingHttpHeaders,
  receivedAtMs: number,
): number | undefined {
  const text = headers['x-timeout-ms']
  // Unless the client asks for one, the time that a body takes to arrive does not count: it has limits of its own.
  if (text === undefined) return usualMs(route, limits)
  const askedMs = typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (askedMs < 1 || askedMs > limits.longestTimeoutMs)
    throw fail(
      'BAD_REQUEST',
      `x-timeout-ms is a whole number of milliseconds from 1 to ${toldLimit(limits, 'longestTimeoutMs')}`,
      { at: 'x-timeout-ms' },
    )
  const leftMs = askedMs - (performance.now() - receivedAtMs)
  if (leftMs <= 0) throw fail('DEADLINE_EXCEEDED', 'The deadline passed while the request arrived')
  return Math.ceil(leftMs)
}

/** A call with what is left of its time since an instant of the process. @throws DEADLINE_EXCEEDED where nothing is. */
export function leftOf(call: CallOptions, sinceMs: number): CallOptions {
  if (call.timeoutMs === undefined) return call
  const timeoutMs = Math.ceil(call.timeoutMs - (performance.now() - sinceMs))
  if (timeoutMs <= 0) throw fail('DEADLINE_EXCEEDED', 'The deadline passed before the work began')
  return { ...call, timeoutMs }
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
