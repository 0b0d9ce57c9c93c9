import type { Server } from 'node:http'
import { type Socket, Server as NetServer } from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { serverLimits } from './server-limits.ts'

/** How long connections without a request are left open once a server closes: one may be on its way over them. */
const idleGraceMs = 250
/** Between two looks for connections that wait for nothing any more. */
const lookMs = 20

/** A turn of the event loop in which hardly anything can have come that it did not see; and for how long one is waited for. */
const quietTurnMs = 1
const longestMs = 500

/**
 * Waits until what has come was seen: behind two turns that took no time and brought no connection. On a machine that others keep busy this
 * process may have stood still for a while, and what came meanwhile waits in the system: a listener that is closed then takes connections
 * with it that clients hold for made, and a connection that seems idle a request that was sent. (Of connections that wait, one is
 * accepted in a turn, and read from in the next.) `made`: how many connections there were.
 */
export async function seenAll(made: () => number): Promise<void> {
  const untilMs = performance.now() + longestMs
  let quiet = 0
  while (quiet < 2 && performance.now() < untilMs) {
    const [beganMs, before] = [performance.now(), made()]
    await nextTurn()
    quiet = performance.now() - beganMs < quietTurnMs && made() === before ? quiet + 1 : 0
  }
}

/** Knows the connections of a server from now on, so that they can be let go of. */
export class Connections {
  readonly #server: Server
  readonly #open = new Set<Socket>()
  #made = 0
  #empty: (() => void) | undefined

  constructor(server: Server) {
    this.#server = server
    server.on('connection', (socket: Socket) => {
      this.#open.add(socket)
      this.#made += 1
      socket.once('close', () => {
        this.#open.delete(socket)
        if (this.#open.size === 0) this.#empty?.()
      })
    })
  }

  /** Serves a connection that another process accepted and read nothing of. */
  take(socket: Socket): void {
    // As those of an HTTP server are: a client may close its half behind its request.
    socket.allowHalfOpen = true
    this.#server.emit('connection', socket)
    socket.resume()
  }

  /** Waits until all that has come was seen. */
  async seen(): Promise<void> {
    await seenAll(() => this.#made)
  }

  /**
   * Accepts no more connections, and ends when all have: those with a request under way behind its answer (which has to say
   * `connection: close`), the others after a moment. Nothing may be waited for between `seen` and this, nor between the first such
   * answer and this: whoever gets it comes over a new connection. `stop` is called when that takes too long, and a moment later nothing is waited for.
   * (The server's own `close` ends idle connections at once, requests that are on their way over them included.)
   */
  async drain(stop: () => void): Promise<void> {
    if (this.#server.listening) NetServer.prototype.close.call(this.#server)
    // Connections that are given come a moment longer: as many as were on their way.
    else await sleep(idleGraceMs)
    const timers = [
      setTimeout(stop, serverLimits.drainMs),
      // Those that were stopped have a moment to say so.
      setTimeout(() => this.#server.closeAllConnections(), serverLimits.drainMs + serverLimits.lingerMs),
    ]
    const empty = new Promise<void>((resolve) => (this.#empty = resolve))
    if (this.#open.size > 0) await Promise.race([sleep(idleGraceMs), empty])
    while (this.#open.size > 0) {
      await this.seen()
      this.#server.closeIdleConnections()
      // One that never sent a byte is not idle to Node.
      for (const socket of this.#open) if (socket.bytesRead === 0) socket.destroy()
      await Promise.race([sleep(lookMs), empty])
    }
    timers.forEach(clearTimeout)
  }
}
