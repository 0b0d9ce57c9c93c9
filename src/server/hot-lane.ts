import type { IncomingMessage, ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import { parseExact } from '../codecs/exact-json.ts'
import { routes } from '../contract/routes.ts'
import { authorise } from './authorise.ts'
import type { ServerContext } from './context.ts'
import { type Handlers, type Reply, noOptions } from './handler.ts'
import { readText } from './request-body.ts'
import { arrivedAtMs, clientLeft, depthOf, timeLeftMs } from './request-call.ts'
import { read } from './request-faults.ts'
import { requestIdOf } from './request-id.ts'

// The two online routes, answered before the router: what the framework does for a request costs as much as reading its
// values. It is the same route of the same table, and the same functions judge, read, answer and count it; what is left out
// is only what they would find to be as usual. Whatever is unusual goes the long way, before anything was done that could not
// be done again: errors too, which the long way finds a second time.

type Lane = (request: IncomingMessage, response: ServerResponse) => void

/** Answers a request where it is a usual one of the online routes; false where it is not, and nothing has happened. */
export type HotLane = (request: IncomingMessage, response: ServerResponse, longWay: Lane) => boolean

type OnlineHandlers = Pick<Handlers, 'onlineOne' | 'online'>

/** The hot lane of a server, by the handlers that the routes have in the other one. */
export function openHotLane(context: ServerContext, handlers: OnlineHandlers): HotLane {
  return (request, response, longWay) => {
    const { method, url = '' } = request
    const isOne = method === 'GET' && url.startsWith(onePath)
    if (!isOne && (method !== 'POST' || url !== routes.online.path)) return false
    if (!isUsual(context, request)) return false
    const startedMs = performance.now()
    const answer = isOne
      ? oneAnswer(context, handlers, request, startedMs)
      : batchAnswer(context, handlers, request, startedMs)
    if (answer === undefined) return false
    const name = isOne ? 'onlineOne' : 'online'
    if (typeof answer === 'string') send(context, { name, request, response, startedMs }, answer)
    else void answerLater(context, { name, request, response, startedMs }, answer, longWay)
    return true
  }
}

const onePath = routes.onlineOne.path.slice(0, routes.onlineOne.path.indexOf('{'))

/** Whether nothing of a request's head, and nothing of the server's state, asks for more than this lane does. */
function isUsual(context: ServerContext, { httpVersion, headers }: IncomingMessage): boolean {
  const { host } = headers
  return (
    httpVersion === '1.1' &&
    host !== undefined &&
    !host.includes(',') &&
    headers.expect === undefined &&
    headers['transfer-encoding'] === undefined &&
    !context.isClosing() &&
    context.admission.hasRoom('online')
  )
}

type Answer = string | Promise<string | Reply> | undefined

/** The answer for one entity; undefined where it has to be found the long way. */
function oneAnswer(
  { limits }: ServerContext,
  handlers: OnlineHandlers,
  request: IncomingMessage,
  startedMs: number,
): Answer {
  const { headers, url = '' } = request
  if (headers['content-length'] !== undefined) return undefined
  const query = usualQuery(url)
  if (query === undefined) return undefined
  try {
    authorise(routes.onlineOne, request)
    const deadline = { timeoutMs: timeLeftMs(routes.onlineOne, limits, headers, startedMs) }
    const answer = handlers.onlineOne({
      params: query,
      query: noOptions,
      keys: query.keys,
      body: undefined,
      other: undefined,
      headers,
      wanted: 'application/json',
      deadline,
      call: deadline,
    })
    return typeof answer === 'string' || answer instanceof Promise ? answer : undefined
  } catch {
    return undefined
  }
}

const hotBodyBytes = 1024 * 1024

/** The answer for many; undefined for a body of another type or form, or one that is large. */
function batchAnswer(
  context: ServerContext,
  handlers: OnlineHandlers,
  request: IncomingMessage,
  startedMs: number,
): Answer {
  const { headers } = request
  const bytes = Number(headers['content-length'])
  if (headers['content-type'] !== 'application/json' || headers['content-encoding'] !== undefined) return undefined
  if (!(bytes > 0 && bytes <= Math.min(hotBodyBytes, context.limits.jsonBodyBytes))) return undefined
  try {
    authorise(routes.online, request)
  } catch {
    return undefined
  }
  arrivedAtMs.set(request, startedMs)
  return readBatch(context, handlers, request, startedMs)
}

async function readBatch(
  { limits }: ServerContext,
  handlers: OnlineHandlers,
  request: IncomingMessage,
  startedMs: number,
): Promise<string | Reply> {
  const { headers } = request
  const text = await readText(request, limits)
  const body = read(routes.online.body, parseExact(text ?? '', 'the body', depthOf(limits)), 'body')
  const deadline = { timeoutMs: timeLeftMs(routes.online, limits, headers, startedMs) }
  const usual = {
    params: noOptions,
    query: noOptions,
    keys: noOptions,
    other: undefined,
    wanted: 'application/json',
  } as const
  return handlers.online({ ...usual, body, headers, deadline, call: deadline })
}

interface Exchange {
  readonly name: keyof OnlineHandlers
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly startedMs: number
}

/** What goes wrong is found, and told, the long way: a body that was read is there for it. */
async function answerLater(
  context: ServerContext,
  exchange: Exchange,
  answer: Promise<string | Reply>,
  longWay: Lane,
): Promise<void> {
  const isIn = context.admission.enter('online')
  let given: string | Reply | undefined
  try {
    given = await answer
  } catch {
    // Below.
  }
  if (isIn) context.admission.leave('online')
  const { name, request, response, startedMs } = exchange
  // Whoever hears of a connection that is closed hears it once.
  if (response.destroyed) context.metrics.observe(name, clientLeft, (performance.now() - startedMs) / 1000)
  else if (typeof given === 'string') send(context, exchange, given)
  else longWay(request, response)
}

function send(context: ServerContext, { name, request, response, startedMs }: Exchange, text: string): void {
  const bytes = Buffer.byteLength(text)
  const headers = {
    'x-request-id': requestIdOf(request.headers['x-request-id']),
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'content-length': bytes,
  }
  response.writeHead(200, context.isClosing() ? { ...headers, connection: 'close' } : headers)
  // What `end` is given leaves in two pieces, of which one is empty. This is one, and saves a tenth of a bare server's work.
  const { socket } = response
  socket?.cork()
  response.write(text, bytes === text.length ? 'latin1' : 'utf8')
  socket?.uncork()
  response.end()
  context.metrics.observe(name, 200, (performance.now() - startedMs) / 1000)
}

interface UsualQuery {
  readonly reference: string
  readonly keys: Readonly<Record<string, string>>
}

/** A reference and join keys, each once, in a URL without options; undefined for any other. */
function usualQuery(url: string): UsualQuery | undefined {
  const mark = url.indexOf('?', onePath.length)
  const reference = asBefore('reference', url.slice(onePath.length, mark === -1 ? undefined : mark))
  if (reference === undefined) return undefined
  const keys: Record<string, string> = {}
  let start = mark + 1
  while (mark !== -1 && start <= url.length) {
    const next = url.indexOf('&', start)
    const end = next === -1 ? url.length : next
    const equals = url.indexOf('=', start)
    if (equals === -1 || equals > end) return undefined
    const name = asBefore('name', url.slice(start, equals))
    const value = decoded(url.slice(equals + 1, end))
    if (value === undefined || name === undefined || Object.hasOwn(keys, name)) return undefined
    keys[name] = value
    start = end + 1
  }
  return { reference, keys }
}

const usual = Object.freeze({ reference: /^[a-z0-9_:@(),=]{1,512}$/, name: /^[a-z][a-z0-9_]{0,62}$/ })
const last = { reference: '', name: '' }

/**
 * The text where it is as usual. Requests ask for the same again and again: comparing is cheaper than testing, and the very text of
 * before is found in maps, and as the name of a property, sooner than an equal one.
 */
function asBefore(part: keyof typeof usual, text: string): string | undefined {
  if (text === last[part]) return last[part]
  return usual[part].test(text) ? (last[part] = text) : undefined
}

/** A value of a query string; undefined where an escape is none. */
function decoded(text: string): string | undefined {
  if (!text.includes('%') && !text.includes('+')) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}
