import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { problemType } from '../contract/route.ts'
import { type ProvenderError, fail } from '../kernel/errors.ts'
import { problemReply } from './problem.ts'

/** Answers what came over a connection and is no request, and closes it. */
export function refuseConnection(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy()
    return
  }
  const { status, headers, text } = problemReply(faultOf(error))
  const lines = Object.entries({
    ...headers,
    'content-type': problemType,
    'content-length': String(Buffer.byteLength(text)),
    connection: 'close',
  })
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${text}`,
  )
}

function faultOf(error: Error & { readonly code?: string }): ProvenderError {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return fail('PAYLOAD_TOO_LARGE', 'The headers of the request are too large', { cause: error })
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return fail('DEADLINE_EXCEEDED', 'The headers of the request took too long', {
        cause: error,
        remedy: 'Send requests at once.',
      })
    default:
      return fail('BAD_REQUEST', 'What came is no HTTP request', { cause: error, remedy: 'Speak HTTP/1.1.' })
  }
}
