import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { problemType } from '../contract/route.ts'
import { type ProvenderError, fail } from '../kernel/errors.ts'
import { problemReply } from './problem.ts'

/** What the parser of HTTP says of what it cannot read. */
type ParseFault = Error & { readonly code?: string; readonly reason?: unknown }

/** A connection, and the answer that is being given on it: Node has no public name for that. */
type Connection = Duplex & { readonly _httpMessage?: (ServerResponse & { readonly req: IncomingMessage }) | null }

/** Answers what came over a connection and is no request, behind the answers to the requests before it, and closes it. */
export function refuseConnection(error: ParseFault, socket: Connection): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy()
    return
  }
  const { _httpMessage: underway } = socket
  // What cannot be read may be the body of the very request that waits for it.
  if (underway?.req.complete === true) {
    underway.once('close', () => setImmediate(refuseConnection, error, socket))
    return
  }
  if (underway?.headersSent === true) socket.destroy()
  else endWith(socket, faultOf(error))
}

/** Answers CONNECT, which is no request for anything here. */
export function refuseTunnel(_: IncomingMessage, socket: Duplex): void {
  const remedy = 'This is a server, not a proxy.'
  endWith(socket, fail('METHOD_NOT_ALLOWED', 'CONNECT is not allowed', { remedy }), { allow: '' })
}

function endWith(socket: Duplex, error: ProvenderError, more: Readonly<Record<string, string>> = {}): void {
  const { status, headers, text } = problemReply(error)
  const lines = Object.entries({
    ...headers,
    ...more,
    'content-type': problemType,
    'content-length': String(Buffer.byteLength(text)),
    connection: 'close',
  })
  socket.on('error', () => undefined)
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${text}`,
  )
}

function faultOf(error: ParseFault): ProvenderError {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return fail('PAYLOAD_TOO_LARGE', 'The headers of the request are too large', { cause: error })
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return fail('DEADLINE_EXCEEDED', 'The headers of the request took too long', {
        cause: error,
        remedy: 'Send requests at once.',
      })
    default: {
      const reason = typeof error.reason === 'string' && error.reason !== '' ? `: ${error.reason}` : ''
      return fail('BAD_REQUEST', `What came is no HTTP request${reason}`, { cause: error, remedy: 'Speak HTTP/1.1.' })
    }
  }
}
