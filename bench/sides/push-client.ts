import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Pushing, pushFor } from './push.ts'

/** Pushes to a server over kept connections, one per caller, as any HTTP client would. */
export async function open(input: unknown): Promise<{ run(argument: unknown): Promise<Record<string, number>> }> {
  const { url } = input as { readonly url: string }
  const agent = new Agent({ keepAlive: true, maxSockets: 256 })
  const post = (body: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const sent = request(
        `${url}/v1/push/card_taps`,
        { method: 'POST', agent, headers: { 'content-type': 'application/json', 'content-length': body.length } },
        (response) => {
          response.resume()
          response.on('end', () => resolve(response.statusCode ?? 0))
        },
      )
      sent.on('error', reject)
      sent.end(body)
    })
  // A server that has too much to do says so, and is asked again; the time counts.
  const push = async (body: string): Promise<void> => {
    for (;;) {
      const status = await post(body)
      if (status === 200) return
      if (status !== 503) throw new Error(`The server answered ${status}`)
      await sleep(refusedMs)
    }
  }
  return { run: (argument) => pushFor(argument as Pushing, (rows) => push(JSON.stringify({ rows }))) }
}

const refusedMs = 50
