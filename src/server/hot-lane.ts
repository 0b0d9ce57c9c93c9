import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import { parseExact } from '../codecs/exact-json.ts'
import { routes } from '../contract/routes.ts'
import { authorise } from './authorise.ts'
import type { ServerContext } from './context.ts'
import type { Handlers, Reply } from './handler.ts'
import { readText } from './request-body.ts'
import { arrivedAtMs, clientLeft, depthOf, timeLeftMs } from './request-call.ts'
import { read } from './request-faults.ts'
import { isRequestId } from './request-id.ts'

// The two online routes, answered before the router: what the framework does for a request costs as much as reading its
// values. It is the same route of the same table, and the same functions judge, read, answer and count it; what is left out
// is only what they would find to be as usual. Whatever is unusual goes the long way, before anything was done that could not
// be done again: errors too, which the long way finds a second time.

type Lane = (request: IncomingMessage, response: ServerResponse) => void

/** Answers a request where it is a usual one of the online routes; false where it is not, and nothing has happened. */
export type HotLane = (request: IncomingMessage, response: ServerResponse, longWay: Lane) => boolean

type OnlineHandlers = Pick<Handlers, 'onlineOne' | 'online'>

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly longWay: Lane
  readonly startedMs: number
}

/** The hot lane of a server, by the handlers that the routes have in the other one. */
export function openHotLane(context: ServerContext, handlers: OnlineHandlers): HotLane {
  return (request, response, longWay) => {
    const { method, url = '' } = request
    const isOne = method === 'GET' && url.startsWith(onePath)
    if (!isOne && (method !== 'POST' || url !== routes.online.path)) return false
    if (!isUsual(context, request)) return false
    const exchange = { request, response, longWay, startedMs: performance.now() }
    return isOne ? answerOne(context, handlers, exchange) : answerBatch(context, handlers, exchange)
  }
}

const onePath = routes.onlineOne.path.slice(0, routes.onlineOne.path.indexOf('{'))

/** Whether nothing of a request's head, and nothing of the server's state, asks for more than this lane does. */
function isUsual({ isClosing, admission }: ServerContext, { httpVersion, headers }: IncomingMessage): boolean {
  const { host } = headers
  return (
    httpVersion === '1.1' &&
    host !== undefined &&
    !host.includes(',') &&
    headers.expect === undefined &&
    headers['transfer-encoding'] === undefined &&
    !isClosing() &&
    admission.hasRoom('online')
  )
}

function answerOne(context: ServerContext, handlers: OnlineHandlers, exchange: Exchange): boolean {
  const { request, startedMs } = exchange
  const { headers, url = '' } = request
  if (headers['content-length'] !== undefined) return false
  const query = usualQuery(url)
  if (query === undefined) return false
  let answer: ReturnType<OnlineHandlers['onlineOne']>
  try {
    authorise(routes.onlineOne, request)
    const timeoutMs = timeLeftMs(routes.onlineOne, context.limits, headers, startedMs)
    answer = handlers.onlineOne({ ...query, query: noOptions, body: undefined, ...asked(headers, timeoutMs) })
  } catch {
    return false
  }
  if (answer instanceof Promise) void answerLater(context, 'onlineOne', exchange, answer)
  else if (typeof answer === 'string') send(context, 'onlineOne', exchange, answer)
  else return false
  return true
}

const noOptions = Object.freeze({})

const asked = (headers: IncomingHttpHeaders, timeoutMs: number | undefined) => {
  const deadline = timeoutMs === undefined ? {} : { timeoutMs }
  return { other: undefined, headers, wanted: 'application/json', deadline, call: deadline } as const
}

/** A body of another size, type or form is read the long way. */
function answerBatch(context: ServerContext, handlers: OnlineHandlers, exchange: Exchange): boolean {
  const { headers } = exchange.request
  const bytes = Number(headers['content-length'])
  if (headers['content-type'] !== 'application/json' || headers['content-encoding'] !== undefined) return false
  if (!(bytes > 0 && bytes <= Math.min(hotBodyBytes, context.limits.jsonBodyBytes))) return false
  try {
    authorise(routes.online, exchange.request)
  } catch {
    return false
  }
  void answerLater(context, 'online', exchange, batchAnswer(context, handlers, exchange))
  return true
}

const hotBodyBytes = 1024 * 1024

async function batchAnswer(
  { limits }: ServerContext,
  handlers: OnlineHandlers,
  { request, startedMs }: Exchange,
): Promise<string | Reply> {
  arrivedAtMs.set(request, startedMs)
  const text = await readText(request, limits)
  const json = parseExact(text ?? '', 'the body', depthOf(limits))
  const body = read(routes.online.body, json, 'body')
  const timeoutMs = timeLeftMs(routes.online, limits, request.headers, startedMs)
  return handlers.online({
    params: noOptions,
    query: noOptions,
    keys: noOptions,
    body,
    ...asked(request.headers, timeoutMs),
  })
}

/** What goes wrong is found, and told, the long way: a body that was read is there for it. */
async function answerLater(
  context: ServerContext,
  name: keyof OnlineHandlers,
  exchange: Exchange,
  answer: Promise<string | Reply>,
): Promise<void> {
  context.admission.enter('online')
  let given: string | Reply | undefined
  try {
    given = await answer
  } catch {
    // Below.
  }
  context.admission.leave('online')
  if (typeof given === 'string') send(context, name, exchange, given)
  else exchange.longWay(exchange.request, exchange.response)
}

function send(
  { metrics, isClosing }: ServerContext,
  name: keyof OnlineHandlers,
  { request, response, startedMs }: Exchange,
  text: string,
): void {
  const { 'x-request-id': id } = request.headers
  const headers = {
    'x-request-id': isRequestId(id) ? id : randomUUID(),
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(text),
  }
  const left = response.destroyed
  response.writeHead(200, isClosing() ? { ...headers, connection: 'close' } : headers)
  response.end(text)
  metrics.observe(name, left ? clientLeft : 200, (performance.now() - startedMs) / 1000)
}

interface UsualQuery {
  readonly params: { readonly reference: string }
  readonly keys: Readonly<Record<string, string>>
}

/** A reference and join keys, each once, in a URL without options; undefined for any other. */
function usualQuery(url: string): UsualQuery | undefined {
  const mark = url.indexOf('?')
  const reference = url.slice(onePath.length, mark === -1 ? undefined : mark)
  if (!usualReference.test(reference)) return undefined
  const keys = Object.create(null) as Record<string, string>
  for (let start = mark + 1; mark !== -1 && start <= url.length;) {
    const next = url.indexOf('&', start)
    const end = next === -1 ? url.length : next
    const equals = url.indexOf('=', start)
    const name = url.slice(start, equals === -1 || equals > end ? end : equals)
    const value = equals === -1 || equals > end ? undefined : decoded(url.slice(equals + 1, end))
    if (value === undefined || !usualName.test(name) || name in keys) return undefined
    keys[name] = value
    start = end + 1
  }
  return { params: { reference }, keys }
}

const usualReference = /^[a-z0-9_:@(),=]{1,512}$/
const usualName = /^[a-z][a-z0-9_]{0,62}$/

/** A value of a query string; undefined where an escape is none. */
function decoded(text: string): string | undefined {
  if (!escapes.test(text)) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

const escapes = /[%+]/
