import type { AddressInfo } from 'node:net'
import type { Store } from '../contract/store.ts'
import { type RequestLimits, requestLimitsOf } from '../define/request-limits.ts'
import { fail } from '../kernel/errors.ts'
import { type LogLevel, buildApp } from './app.ts'
import { startBackground } from './background.ts'
import type { ServerContext, SourceRoots } from './context.ts'
import type { Handlers } from './handler.ts'
import { HistoricalTurns } from './historical-turns.ts'
import { historicalHandlers } from './historical.ts'
import { openMetrics } from './metrics.ts'
import { onlineHandlers } from './online.ts'
import { operationHandlers } from './operations.ts'
import { listHandlers, registryHandlers } from './registry.ts'
import { runHandlers } from './runs.ts'
import { serverLimits } from './server-limits.ts'
import { openUploadFolder } from './upload-folder.ts'
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
  /** How often the push log is brought online; never unless given. */
  readonly backgroundMs?: number
  /** `warn` unless given; the log goes to stderr. */
  readonly logLevel?: LogLevel
}

/** A server that listens. */
export interface RunningServer extends AsyncDisposable {
  /** Where it answers: `http://127.0.0.1:6580`. */
  readonly url: string
  /** Takes no more requests, lets those under way end (20 s at most), and ends background work. The store stays open. Twice is once. */
  close(): Promise<void>
}

/**
 * Serves a store over HTTP until it is closed. The store is not its own: who opened it closes it, after the server.
 * @throws USAGE where it cannot listen there, naming the address.
 */
export async function startServer(store: Store, options: ServerOptions): Promise<RunningServer> {
  const underway = new Set<AbortController>()
  const uploads = openUploadFolder()
  const metrics = openMetrics(store.project)
  let closing: Promise<void> | undefined
  const isClosing = (): boolean => closing !== undefined
  const { sql, roots } = options
  const limits = requestLimitsOf(options.limits)
  const turns = new HistoricalTurns(limits)
  const app = buildApp(
    (log) => ({ store, log, metrics, sql, roots, limits, turns, uploads, underway, isClosing }),
    handlersOf,
    options.logLevel ?? 'warn',
  )
  try {
    await app.listen({ host: options.host, port: options.port })
  } catch (thrown) {
    await app.close()
    throw fail(
      'USAGE',
      `The server cannot listen on ${options.host}:${options.port}: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
      {
        cause: thrown,
        remedy: 'Free the port, or choose another: --port N, or server.port in provender.yaml.',
      },
    )
  }
  const background =
    options.backgroundMs === undefined ? undefined : startBackground(store, options.backgroundMs, app.log)
  const close = async (): Promise<void> => {
    const late = [
      setTimeout(() => stop(underway), serverLimits.drainMs),
      // Those that were ended have a moment to say so.
      setTimeout(() => app.server.closeAllConnections(), serverLimits.drainMs + serverLimits.lingerMs),
    ]
    await app.close()
    late.forEach(clearTimeout)
    await background?.[Symbol.asyncDispose]()
    await uploads[Symbol.asyncDispose]()
  }
  const end = (): Promise<void> => (closing ??= close())
  return { url: urlOf(app.server.address(), options.host), close: end, [Symbol.asyncDispose]: end }
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
})

function urlOf(address: AddressInfo | string | null, host: string): string {
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}
