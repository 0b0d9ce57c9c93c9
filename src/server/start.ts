import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Store } from '../contract/store.ts'
import { type RequestLimits, requestLimitsOf } from '../define/request-limits.ts'
import { fail } from '../kernel/errors.ts'
import { Admission } from './admission.ts'
import type { FastifyInstance } from 'fastify'
import { type AppTerms, type LogLevel, buildApp } from './app.ts'
import { type Background, startBackground } from './background.ts'
import type { ServerContext, SourceRoots } from './context.ts'
import { docsHandlers } from './docs-page.ts'
import { Connections } from './drain.ts'
import type { Handlers } from './handler.ts'
import { HistoricalTurns } from './historical-turns.ts'
import { historicalHandlers } from './historical.ts'
import { cannotListen, urlOf } from './listening.ts'
import { LoopDelay } from './loop-delay.ts'
import { type Family, SeriesBudget } from './metric-family.ts'
import { maxSeries, openMetrics } from './metrics.ts'
import { onlineHandlers } from './online.ts'
import { operationHandlers } from './operations.ts'
import { processFamilies } from './process-metrics.ts'
import { listHandlers, registryHandlers } from './registry.ts'
import { type Role, servedRoles } from './roles.ts'
import { runHandlers } from './runs.ts'
import { type OtherParts, scrapeText } from './scrape.ts'
import { openUploadFolder } from './upload-folder.ts'
import { ViewGauges } from './view-gauges.ts'
import { writeHandlers } from './writing.ts'

/** How a server is started. */
export interface ServerOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Whether a spine may be SQL. */
  readonly sql: boolean
  /** Which files an apply over HTTP may name. */
  readonly roots: SourceRoots
  /** The usual ones for what is left out. */
  readonly limits?: Partial<RequestLimits>
  /** What it does; all unless given. Without `api` it answers probes only. */
  readonly roles?: readonly Role[]
  /** How often the push log is brought online; never unless given. */
  readonly backgroundMs?: number
  /** How long it goes on as ever once it is told to close, not being ready any more: a balancer needs a moment to see that. */
  readonly drainWaitMs?: number
  /** `warn` unless given; the log goes to stderr. */
  readonly logLevel?: LogLevel
  /** `long`: the online routes go through the router too. */
  readonly lanes?: AppTerms['lanes']
  /** Where it is one of several processes, to which the primary hands connections. */
  readonly among?: AmongOthers | undefined
}

/** One of several processes of a server. It does not listen itself. */
export interface AmongOthers {
  /** Which it is, from 1. */
  readonly worker: number
  /** Where the primary listens. */
  readonly url: string
  /** What the others counted. */
  readonly others: OtherParts
}

/** A server that listens. */
export interface RunningServer extends AsyncDisposable {
  /** Where it answers: `http://127.0.0.1:6580`. */
  readonly url: string
  /** What this process has counted, for those beside it. */
  readonly counted: () => readonly Family[]
  /** Serves a connection that another process accepted. */
  readonly take: (connection: Socket) => void
  /** Takes no more connections, lets requests under way end (20 s at most), and ends background work. The store stays open. Twice is once. */
  close(): Promise<void>
}

/**
 * Serves a store over HTTP until it is closed. The store is not its own: who opened it closes it, after the server.
 * @throws USAGE where it cannot listen there, naming the address.
 */
export async function startServer(store: Store, options: ServerOptions): Promise<RunningServer> {
  await using owned = new AsyncDisposableStack()
  const { sql, roots, among, roles = servedRoles, drainWaitMs = 0 } = options
  const life = { draining: false, closing: false, stopped: false }
  const underway = new Set<AbortController>()
  const uploads = owned.use(openUploadFolder())
  const limits = requestLimitsOf(options.limits)
  const meters = owned.use(openMeters(store))
  let background: Background | undefined
  const app = buildApp(
    (log) => ({
      store,
      log,
      sql,
      roots,
      roles,
      limits,
      uploads,
      underway,
      metrics: meters.metrics,
      admission: meters.admission,
      turns: new HistoricalTurns(limits),
      scrape: () => scrapeText({ own: meters.own, shared: () => gauges.families() }, among?.others),
      background: () => background?.health ?? null,
      isDraining: () => life.draining,
      isClosing: () => life.closing,
      isStopped: () => life.stopped,
    }),
    handlersOf,
    {
      level: options.logLevel ?? 'warn',
      lanes: options.lanes ?? 'both',
      ...(among === undefined ? {} : { worker: among.worker }),
    },
  )
  const gauges = new ViewGauges(store.telemetry, meters, app.log)
  const connections = new Connections(app.server)
  const url = among === undefined ? await listen(app, options) : await serveGiven(app, among)
  if (options.backgroundMs !== undefined && roles.includes('worker'))
    background = startBackground(store, options.backgroundMs, app.log)
  const kept = owned.move()
  const close = async (): Promise<void> => {
    life.draining = true
    if (drainWaitMs > 0) await sleep(drainWaitMs)
    await connections.seen()
    life.closing = true
    await connections.drain(() => {
      life.stopped = true
      stop(underway)
    })
    await app.close()
    await background?.[Symbol.asyncDispose]()
    await kept.disposeAsync()
  }
  let closed: Promise<void> | undefined
  const end = (): Promise<void> => (closed ??= close())
  return {
    url,
    counted: meters.own,
    take: (connection) => connections.take(connection),
    close: end,
    [Symbol.asyncDispose]: end,
  }
}

async function listen(app: FastifyInstance, { host, port }: ServerOptions): Promise<string> {
  try {
    await app.listen({ host, port })
  } catch (thrown) {
    await app.close()
    throw cannotListen({ host, port }, thrown)
  }
  return urlOf(app.server.address(), host)
}

/** Makes ready for connections that are given. */
async function serveGiven(app: FastifyInstance, { url }: AmongOthers): Promise<string> {
  await app.ready()
  // With this Node begins to look for heads that take too long, and to tell idle connections from others.
  app.server.emit('listening')
  return url
}

/** What counts, and what watches the event loop. */
function openMeters(store: Store) {
  const budget = new SeriesBudget(maxSeries)
  const metrics = openMetrics(store.project, budget)
  const admission = new Admission()
  const delay = new LoopDelay((recentMs) => admission.adapt(recentMs))
  const told = store.telemetry?.observe(metrics)
  return {
    budget,
    metrics,
    admission,
    own: (): Family[] => [
      ...metrics.families(),
      ...admission.families(),
      ...delay.families(),
      budget.family(),
      ...processFamilies(),
    ],
    [Symbol.dispose](): void {
      delay[Symbol.dispose]()
      told?.[Symbol.dispose]()
    },
  }
}

function stop(underway: ReadonlySet<AbortController>): void {
  const reason = fail('STORE_UNREACHABLE', 'The server is stopping', {
    remedy: 'Try again: another server may answer.',
  })
  for (const request of underway) request.abort(reason)
}

const handlersOf = (context: ServerContext): Handlers => ({
  ...onlineHandlers(context),
  ...historicalHandlers(context),
  ...writeHandlers(context),
  ...runHandlers(context),
  ...registryHandlers(context),
  ...listHandlers(context),
  ...operationHandlers(context),
  ...docsHandlers(),
})
