import { setTimeout as pause } from 'node:timers/promises'
import { Agent, type RequestOptions, request } from 'node:http'

/** One request of a hammer. */
export interface Blow {
  readonly method: string
  readonly path: string
  readonly body?: string
}

/** What requests came to. */
export interface Toll {
  /** By status. */
  readonly statuses: Map<number, number>
  /** Never taken: no connection was made, or none of it was read. */
  refused: number
  /** Sent over a connection that was in use, or answered in part, and then cut off. */
  readonly broken: string[]
  /** Of answers that are no 503. */
  readonly latenciesMs: number[]
  /** Blows that were answered by a 2xx, in order. */
  readonly good: Blow[]
}

/** Requests that come one after another over so many connections. */
export interface Hammer {
  readonly toll: Toll
  /** How many were answered, whatever the answer. */
  readonly answered: () => number
  /** Sends no more; done when all that were sent have come to something. */
  stop(): Promise<void>
}

/** A client that is told to come back in a second is seldom that patient. */
const shedMs = 200
const refusedMs = 20

/**
 * Hammers a server: each connection is kept alive (or made anew for each request) and sends its next request when the last is answered.
 * A connection that is refused tries again a moment later, and so does one that is told that there is too much to do.
 */
export function hammer(url: string, connections: number, blow: () => Blow, { keepAlive = true } = {}): Hammer {
  const toll: Toll = { statuses: new Map(), refused: 0, broken: [], latenciesMs: [], good: [] }
  const agent = new Agent({ keepAlive, maxSockets: connections })
  const { hostname, port } = new URL(url)
  let stopped = false
  const strike = async (): Promise<void> => {
    while (!stopped) {
      const sent = blow()
      const startedMs = performance.now()
      const outcome = await send({ hostname, port, agent }, sent)
      if (outcome === 'refused') {
        toll.refused += 1
        await pause(refusedMs)
      } else if (typeof outcome === 'string') {
        toll.broken.push(`${sent.method} ${sent.path}: ${outcome}`)
      } else {
        toll.statuses.set(outcome, (toll.statuses.get(outcome) ?? 0) + 1)
        if (outcome !== 503) toll.latenciesMs.push(performance.now() - startedMs)
        if (outcome < 300) toll.good.push(sent)
        if (outcome === 503) await pause(shedMs)
      }
    }
  }
  const striking = Promise.all(Array.from({ length: connections }, strike))
  return {
    toll,
    answered: () => [...toll.statuses.values()].reduce((sum, each) => sum + each, 0),
    async stop() {
      stopped = true
      await striking
      agent.destroy()
    },
  }
}

/** The status; `refused`; or how it broke. */
function send(where: RequestOptions, { method, path, body }: Blow): Promise<number | string> {
  return new Promise((resolve) => {
    const headers = { 'x-timeout-ms': '20000', ...(body === undefined ? {} : { 'content-type': 'application/json' }) }
    let answered = false
    const sending = request({ ...where, method, path, headers }, (response) => {
      answered = true
      response.on('error', (error) => resolve(`in the middle of its answer: ${error.message}`))
      response.on('end', () => resolve(response.complete ? (response.statusCode ?? 0) : 'an answer without its end'))
      response.resume()
    })
    sending.on('error', (error) => {
      // A connection of its own that was never read is one that was never taken.
      if (!answered && !sending.reusedSocket) resolve('refused')
      else resolve(`${sending.reusedSocket ? 'on a connection in use' : 'new'}: ${error.message}`)
    })
    sending.end(body)
  })
}

/** A latency that so many of a hundred requests do not exceed. */
export function percentile(latenciesMs: readonly number[], percent: number): number {
  const sorted = [...latenciesMs].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? 0
}
