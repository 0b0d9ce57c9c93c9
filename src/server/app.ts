import { type IncomingMessage, type RequestListener, type Server, createServer } from 'node:http'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import fastify, { LogController, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { parseExact } from '../codecs/exact-json.ts'
import { type MediaType, type Route, problemType } from '../contract/route.ts'
import { type RouteName, routes } from '../contract/routes.ts'
import type { RequestLimits } from '../define/request-limits.ts'
import { type ProvenderError, fail } from '../kernel/errors.ts'
import type { ServerContext } from './context.ts'
import type { Asked, Handlers, Reply } from './handler.ts'
import { type Priority, overloaded, priorityOf } from './admission.ts'
import { authorise } from './authorise.ts'
import { refuseConnection, refuseTunnel } from './bad-connection.ts'
import { type HotLane, openHotLane } from './hot-lane.ts'
import { demandHttp, pathOf } from './http-head.ts'
import { bodyMedia, wantedMedia } from './media.ts'
import { errorOf, problemReply } from './problem.ts'
import { readQuery } from './query-string.ts'
import { readText } from './request-body.ts'
import { arrivedAtMs, clientLeft, depthOf, signalOf, timeLeftMs } from './request-call.ts'
import { read } from './request-faults.ts'
import { requestIdOf } from './request-id.ts'
import { serverLimits } from './server-limits.ts'
import { type Unrouted, routerPath, unrouted } from './unknown-route.ts'

/** What a request carries from its arrival to its handler. */
interface Arrived {
  readonly media: MediaType | undefined
  readonly receivedAtMs: number
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The entry of the route table. */
    route?: RouteName
  }
  interface FastifyRequest {
    arrived: Arrived
  }
}

/** How loud the log is. */
export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug'

/** The log, on stderr, and the lanes. */
export interface AppTerms {
  readonly level: LogLevel
  /** `long`: all requests go through the router, also those that are answered before it. */
  readonly lanes?: 'both' | 'long'
  /** Which of several processes writes it. */
  readonly worker?: number
}

/**
 * The application: every route of the table and nothing else. It does not listen yet.
 * @throws where a route is not in the table, or says not who may use it.
 */
export function buildApp(
  contextOf: (log: ServerContext['log']) => ServerContext,
  handlersOf: (context: ServerContext) => Handlers,
  { level, worker, lanes = 'both' }: AppTerms,
): FastifyInstance {
  let hotLane: HotLane | undefined
  const app = fastify({
    logger:
      level === 'silent'
        ? false
        : { level, stream: process.stderr, base: { pid: process.pid, ...(worker === undefined ? {} : { worker }) } },
    logController: new LogController({ disableRequestLogging: true }),
    requestIdHeader: false,
    genReqId: ({ headers }) => requestIdOf(headers['x-request-id']),
    routerOptions: { maxParamLength: serverLimits.segmentChars },
    forceCloseConnections: 'idle',
    // What comes while the server closes is answered by a problem, as everything is.
    return503OnClosing: false,
    serverFactory: (listener) => serverOf(listener, () => hotLane),
    rewriteUrl: ({ url = '' }) => pathOf(url),
    clientErrorHandler: refuseConnection,
    frameworkErrors: (error, request, reply) => void sendProblem(context, request, reply, errorOf(error)),
  })
  const context: ServerContext = contextOf(app.log)
  app.server.on('connect', refuseTunnel)
  // What a request expects is looked at with the rest of its head.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
  demandTable(app)
  readBodies(app, context.limits)
  app.decorateRequest('arrived')
  app.setErrorHandler((thrown, request, reply) => sendProblem(context, request, reply, errorOf(thrown)))
  const refuse = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const { error, allow } = unserved(context) ?? unrouted(request.method, request.url)
    context.metrics.observe('unrouted', error.status, reply.elapsedTime / 1000)
    if (allow.length > 0) reply.header('allow', allow.join(', '))
    return sendProblem(context, request, reply, error)
  }
  // Before the body is looked at: what is wrong with that is of no interest where nobody takes it.
  app.addHook('onRequest', (request, reply, done) => {
    if (request.is404) void refuse(request, reply)
    else done()
  })
  app.setNotFoundHandler(refuse)
  const handlers = handlersOf(context)
  if (lanes === 'both' && context.roles.includes('api')) hotLane = openHotLane(context, handlers)
  for (const name of Object.keys(routes) as RouteName[])
    if (context.roles.includes('api') || probes.includes(name)) addRoute(app, context, name, handlers)
  return app
}

const httpTerms = Object.freeze({
  headersTimeout: serverLimits.headersMs,
  connectionsCheckingInterval: serverLimits.connectionsCheckMs,
  // Node answers without a problem, and takes the first of several.
  requireHostHeader: false,
  joinDuplicateHeaders: true,
  // A request without a body is at its end at once, and nobody hears of it: what a stream does to end is a tenth of a bare server's work.
  optimizeEmptyRequests: true,
})

/** The server itself, which asks the hot lane first. */
function serverOf(listener: RequestListener, hotLane: () => HotLane | undefined): Server {
  const server = createServer(httpTerms, (request, response) => {
    if (hotLane()?.(request, response, listener) !== true) listener(request, response)
  })
  server.keepAliveTimeout = serverLimits.keepAliveMs
  // Bodies have limits of their own, by what they are.
  server.requestTimeout = 0
  return server
}

/** What every process answers, whatever its roles are. */
const probes: readonly RouteName[] = ['livez', 'readyz', 'metrics']

/** Why a process without the API has no route; undefined for one that has it. */
const unserved = ({ roles }: ServerContext): Unrouted | undefined =>
  roles.includes('api')
    ? undefined
    : {
        allow: [],
        error: fail('UNKNOWN_ROUTE', `This process has the role ${roles.join(', ')} and no API`, {
          remedy: `It answers ${probes.map((name) => routes[name].path).join(', ')}; ask one with --role api.`,
        }),
      }

function demandTable(app: FastifyInstance): void {
  app.addHook('onRoute', ({ method, url, config }) => {
    const route: Route | undefined = config?.route === undefined ? undefined : routes[config.route]
    if (route === undefined) throw new Error(`Assertion failed: ${String(method)} ${url} is in the route table`)
    if (route.permission === undefined)
      throw new Error(`Assertion failed: ${String(method)} ${url} says who may use it`)
  })
}

function readBodies(app: FastifyInstance, limits: RequestLimits): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', async (_: FastifyRequest, stream: IncomingMessage) => {
    const text = await readText(stream, limits)
    return text === undefined ? undefined : parseExact(text, 'the body', depthOf(limits))
  })
  app.addContentTypeParser('application/yaml', (_: FastifyRequest, stream: IncomingMessage) => readText(stream, limits))
  // Whether a route takes a type was asked before; what is no text is left to its handler.
  app.addContentTypeParser('*', (_: FastifyRequest, stream: IncomingMessage, done) => done(null, stream))
}

/** Counts a request when it is over, and takes it in until then. @throws OVERLOADED. */
function enter({ metrics, admission }: ServerContext, name: RouteName, { raw }: FastifyReply): void {
  const arrivedAtMs = performance.now()
  const priority = priorityOfRoute[name]
  const isIn = priority === null || admission.enter(priority)
  raw.once('close', () => {
    if (isIn && priority !== null) admission.leave(priority)
    metrics.observe(name, raw.writableFinished ? raw.statusCode : clientLeft, (performance.now() - arrivedAtMs) / 1000)
  })
  if (!isIn) throw overloaded()
}

const priorityOfRoute = Object.fromEntries(
  Object.entries(routes).map(([name, route]) => [name, probes.includes(name as RouteName) ? null : priorityOf(route)]),
) as Readonly<Record<RouteName, Priority | null>>

/** What is settled before the body is read. @throws what is wrong with the request by its head alone. */
function arrive(context: ServerContext, route: Route, request: FastifyRequest, reply: FastifyReply): void {
  reply.header('x-request-id', request.id)
  if (context.isStopped() && route !== routes.livez)
    throw fail('STORE_UNREACHABLE', 'The server is closing', { remedy: 'Try again: another server may answer.' })
  demandHttp(request.raw)
  authorise(route, request.raw)
  request.arrived = {
    media: bodyMedia(route, request.headers),
    receivedAtMs: arrivedAtMs.get(request.raw) ?? performance.now(),
  }
}

function addRoute(app: FastifyInstance, context: ServerContext, name: RouteName, handlers: Handlers): void {
  const route: Route = routes[name]
  // Each handler fits its own route; which one this is, types cannot say of a name that is looked up.
  const handle = handlers[name] as (asked: Asked<Route>) => Promise<string | Reply> | string | Reply
  app.route({
    method: route.method,
    url: routerPath(name),
    config: { route: name },
    // Here and not for all routes: the framework is slow to say which one a request has.
    onRequest: (request, reply, done) => {
      enter(context, name, reply)
      arrive(context, route, request, reply)
      done()
    },
    handler: async (request, reply) => {
      const answer = await handle(askedOf(context, route, request, reply))
      // Nobody waits for a connection that could be used again.
      if (context.isClosing()) reply.header('connection', 'close')
      return send(route, reply, answer)
    },
  })
}

function askedOf(context: ServerContext, route: Route, request: FastifyRequest, reply: FastifyReply): Asked<Route> {
  const { arrived, headers } = request
  const { options, keys } = readQuery(route, request.query as Readonly<Record<string, unknown>>, request.url)
  const isJson = arrived.media === undefined || arrived.media === 'application/json'
  const timeoutMs = timeLeftMs(route, context.limits, headers, arrived.receivedAtMs)
  const deadline = timeoutMs === undefined ? {} : { timeoutMs }
  return {
    params: request.params as Readonly<Record<string, string>>,
    query: options as Asked<Route>['query'],
    keys,
    // Of which type it is, the handler's own route says.
    body: (route.body === null || !isJson
      ? undefined
      : read(route.body, request.body === undefined ? {} : request.body, 'body')) as undefined,
    other:
      isJson || arrived.media === undefined
        ? undefined
        : { media: arrived.media, content: request.body as string | Readable },
    headers,
    wanted: wantedMedia(route, headers.accept),
    deadline,
    get call() {
      return { ...deadline, signal: signalOf(reply.raw, context.underway) }
    },
  }
}

/** Texts are sent as they are, and with the content type that the contract gives them: without this it gains a charset. */
const asIs = (text: unknown): string => text as string

function send(route: Route, reply: FastifyReply, answer: string | Reply): FastifyReply {
  const {
    status = route.statuses[0],
    media = 'application/json',
    headers = {},
    body,
  } = typeof answer === 'string' ? { body: answer } : answer
  reply.code(status).serializer(asIs).header('content-type', media).header('cache-control', 'no-store')
  for (const [name, value] of Object.entries(headers)) reply.header(name, value)
  return reply.send(body)
}

function sendProblem(
  context: ServerContext,
  request: FastifyRequest,
  reply: FastifyReply,
  error: ProvenderError,
): FastifyReply {
  if (error.status === 500 && error.code !== 'INTERRUPTED')
    request.log.error({ err: error.cause ?? error, code: error.code, url: request.url }, error.message)
  abandonBody(request.raw, reply.raw.socket)
  if (context.isClosing()) reply.header('connection', 'close')
  const { status, headers, text } = problemReply(error, { dir: context.roots.dir })
  reply.code(status).serializer(asIs).header('x-request-id', request.id)
  reply.header('content-type', problemType).headers(headers)
  return reply.send(text)
}

/** A request that is refused before its body was read may go on sending, but not for ever. (Who read a part of it may have destroyed it, which ends nothing.) */
function abandonBody(request: IncomingMessage, connection: Socket | null): void {
  if (request.complete || connection === null || connection.destroyed) return
  setTimeout(() => {
    if (!request.complete) connection.destroy()
  }, serverLimits.lingerMs).unref()
}
