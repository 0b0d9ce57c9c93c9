import { type Socket, connect } from 'node:net'
import { percentile } from './statistics.ts'

/** Requests to be sent by a process of their own: `SideProcess.start` on this module, then `run` with a load. */
export interface Load {
  readonly url: string
  readonly requests: number
  /** Kept alive; each has one request under way at a time. */
  readonly connections: number
  /** Entities of a request: 1 asks by GET, more by POST. */
  readonly batch: number
  /** Ids are drawn from 0 up to here, by the seed. */
  readonly entities: number
  readonly seed: number
  /** How unequal the ids are: by Zipf's law with this exponent, below 1. Without one they are drawn alike. */
  readonly skew?: number
  readonly view: string
  readonly key: string
}

export async function open(): Promise<{ run(argument: unknown): Promise<Record<string, number>> }> {
  return { run: async (argument) => send(argument as Load) }
}

/** Sends all requests and answers how long they took, in seconds. @throws where an answer is not 200. */
async function send(load: Load): Promise<Record<string, number>> {
  const tookMs = new Float64Array(load.requests)
  const random = load.skew === undefined ? randomOf(load.seed) : zipfOf(load.seed, load.skew)
  let next = 0
  const { hostname, port } = new URL(load.url)
  const drivers = Array.from({ length: Math.min(load.connections, load.requests) }, async () => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    const answers = new Answers(socket)
    try {
      while (next < load.requests) {
        const at = next++
        const startedMs = performance.now()
        const request = requestOf(load, random)
        socket.write(request)
        // A machine that others keep busy is late, and then a server may say that it has too much to do.
        while ((await answers.next()) === overloaded) {
          await new Promise((resolve) => setTimeout(resolve, 50))
          socket.write(request)
        }
        tookMs[at] = performance.now() - startedMs
      }
    } finally {
      socket.destroy()
    }
  })
  // A driver that sleeps has to be woken by the server, which then pays for being slow: up to 5 µs a request in a virtual machine.
  let isDone = false
  const stayAwake = (): void => {
    if (!isDone) setImmediate(stayAwake)
  }
  stayAwake()
  await Promise.all(drivers)
  isDone = true
  return { p50: percentile(tookMs, 0.5) / 1000, p99: percentile(tookMs, 0.99) / 1000 }
}

function requestOf({ view, key, batch, entities }: Load, random: (below: number) => number): string {
  const head = 'host: bench\r\nx-timeout-ms: 20000\r\n'
  if (batch === 1) return `GET /v1/online/${view}?${key}=${random(entities)} HTTP/1.1\r\n${head}\r\n`
  const asked = Array.from({ length: batch }, () => ({ [key]: random(entities) }))
  const body = JSON.stringify({ features: view, entities: asked })
  return `POST /v1/online HTTP/1.1\r\n${head}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

/** Numbers that look random and are the same for the same seed. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Numbers by Zipf's law, after Gray et al., "Quickly generating billion-record synthetic databases": 0 is drawn most often. Always of the same range. */
function zipfOf(seed: number, exponent: number): (below: number) => number {
  const random = randomOf(seed)
  let [of, sum, eta] = [0, 0, 0]
  const prepare = (below: number): void => {
    ;[of, sum] = [below, 0]
    for (let i = 1; i <= below; i++) sum += 1 / i ** exponent
    eta = (1 - (2 / below) ** (1 - exponent)) / (1 - (1 + 0.5 ** exponent) / sum)
  }
  return (below) => {
    if (below !== of) prepare(below)
    const drawn = random(2 ** 30) / 2 ** 30
    if (drawn * sum < 1) return 0
    if (drawn * sum < 1 + 0.5 ** exponent) return 1
    return Math.floor(below * (eta * drawn - eta + 1) ** (1 / (1 - exponent)))
  }
}

const overloaded = 503
const headEnd = Buffer.from('\r\n\r\n')

/** The answers that come over one connection, one after the other. */
class Answers {
  #held: Buffer = Buffer.alloc(0)
  #wake: (() => void) | undefined
  #failed: Error | undefined

  constructor(socket: Socket) {
    const end = (error: Error): void => {
      this.#failed = error
      this.#wake?.()
    }
    socket.on('data', (chunk: Buffer) => {
      this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
      this.#wake?.()
    })
    socket.on('error', end).on('close', () => end(new Error('The server closed the connection')))
  }

  /** Waits until a whole answer is there, forgets it, and says its status. @throws where that is neither 200 nor 503. */
  async next(): Promise<number> {
    for (;;) {
      const bodyAt = this.#held.indexOf(headEnd) + headEnd.length
      if (bodyAt >= headEnd.length) {
        const head = this.#held.toString('latin1', 0, bodyAt)
        const status = Number(head.split(' ', 2)[1])
        if (status !== 200 && status !== overloaded) throw new Error(`Not answered: ${this.#held.toString()}`)
        const end = bodyAt + Number(/^content-length: (\d+)\r$/im.exec(head)?.[1])
        if (this.#held.length >= end) {
          this.#held = this.#held.subarray(end)
          return status
        }
      }
      if (this.#failed !== undefined) throw this.#failed
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }
}
