import { Agent, request } from 'node:http'
import { type Pushing, pushFor } from './push.ts'

/** Pushes to a server over kept connections, one per caller, as any HTTP client would. */
export async function open(input: unknown): Promise<{ run(argument: unknown): Promise<Record<string, number>> }> {
  const { url } = input as { readonly url: string }
  const agent = new Agent({ keepAlive: true, maxSockets: 256 })
  const post = (body: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const sent = request(
        `${url}/v1/push/card_taps`,
        { method: 'POST', agent, headers: { 'content-type': 'application/json', 'content-length': body.length } },
        (response) => {
          response.resume()
          response.on('end', () => {
            if (response.statusCode === 200) resolve()
            else reject(new Error(`The server answered ${response.statusCode}`))
          })
        },
      )
      sent.on('error', reject)
      sent.end(body)
    })
  return { run: (argument) => pushFor(argument as Pushing, (rows) => post(JSON.stringify({ rows }))) }
}
