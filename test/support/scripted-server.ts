import { once } from 'node:events'
import { type AddressInfo, type Socket, createServer } from 'node:net'

/** A request as it came over a socket. */
export interface RawRequest {
  readonly method: string
  readonly path: string
  readonly head: string
  readonly body: string
}

/** A server of which each byte is said by the test. */
export interface ScriptedServer extends AsyncDisposable {
  readonly url: string
  /** All requests, but those by which a store is opened. */
  readonly requests: readonly RawRequest[]
  /** Sockets that are open. */
  readonly open: ReadonlySet<Socket>
}

/** A whole answer of HTTP. */
export const http = (status: number, type: string, body: string, headers = ''): string =>
  `HTTP/1.1 ${status} X\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`

export const json = (body: unknown): string => http(200, 'application/json', JSON.stringify(body))

/** Answers each request by a script: `count` is how many there were before. Stores can be opened on it. */
export async function openScripted(
  script: (socket: Socket, request: RawRequest, count: number) => void,
): Promise<ScriptedServer> {
  const open = new Set<Socket>()
  const requests: RawRequest[] = []
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => open.delete(socket))
    let pending = ''
    socket.on('data', (chunk: Buffer) => {
      pending += chunk.toString('latin1')
      for (let read = readRequest(pending); read !== undefined; read = readRequest(pending)) {
        pending = read.rest
        if (read.request.path === '/v1') socket.write(json({ project: 'scripted' }))
        else script(socket, read.request, requests.push(read.request) - 1)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    open,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

function readRequest(text: string): { readonly request: RawRequest; readonly rest: string } | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const head = text.slice(0, end)
  const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0)
  const from = end + 4
  if (text.length < from + length) return undefined
  const [method = '', path = ''] = head.split(' ', 2)
  return {
    request: { method, path, head, body: text.slice(from, from + length) },
    rest: text.slice(from + length),
  }
}
