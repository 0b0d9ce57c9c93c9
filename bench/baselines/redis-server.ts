import { type IncomingMessage, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { openRawHashes } from './raw-hashes.ts'

/**
 * A bare node:http server. It answers a GET with a constant body. Of a POST it reads the body, takes the ids out of it, reads
 * the row of each raw from Redis, and answers a constant body too. Bodies are as long as those of the other side.
 */
export async function open(input: unknown): Promise<{ info: { url: string }; close(): Promise<void> }> {
  const { url, project, oneBytes, batchBytes } = input as {
    readonly url: string
    readonly project: string
    readonly oneBytes: number
    readonly batchBytes: number
  }
  const rows = await openRawHashes(url, project)
  const [one, batch] = ['x'.repeat(oneBytes), 'x'.repeat(batchBytes)]
  const headers = (length: number) => ({ 'content-type': 'application/json', 'content-length': length })
  const server = createServer((request, response) => {
    if (request.method === 'GET') response.writeHead(200, headers(oneBytes)).end(one)
    else
      readBody(request, (body) => {
        const { entities } = JSON.parse(body) as { readonly entities: readonly { readonly id: number }[] }
        rows.bytesOf(entities.map(({ id }) => id)).then(
          () => response.writeHead(200, headers(batchBytes)).end(batch),
          () => response.writeHead(500).end(),
        )
      })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    info: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    close: async () => {
      server.closeAllConnections()
      server.close()
      rows.close()
    },
  }
}

function readBody(request: IncomingMessage, then: (body: string) => void): void {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => then(Buffer.concat(chunks).toString()))
}
