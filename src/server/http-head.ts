import type { IncomingMessage } from 'node:http'
import { fail } from '../kernel/errors.ts'

/** Demands of the head of a request what HTTP/1.1 demands and Node leaves to us, or would answer without a problem document. @throws BAD_REQUEST. */
export function demandHttp({ httpVersionMajor, httpVersionMinor, headers }: IncomingMessage): void {
  if (httpVersionMajor !== 1)
    throw fail('BAD_REQUEST', `HTTP/${httpVersionMajor}.${httpVersionMinor} is not spoken here`, {
      remedy: 'Speak HTTP/1.1.',
    })
  const { host, expect } = headers
  // Several come joined by a comma.
  if (host === undefined ? httpVersionMinor > 0 : host.includes(','))
    throw fail(
      'BAD_REQUEST',
      host === undefined ? 'The header host is missing' : 'The header host stands several times',
      {
        at: 'host',
        remedy: 'Send it once.',
      },
    )
  if (expect !== undefined && expect.toLowerCase() !== '100-continue')
    throw fail('BAD_REQUEST', `"${expect}" is nothing that can be expected of this server`, {
      at: 'expect',
      remedy: 'Leave the header out.',
    })
}

/** A URL as its path and query: a client may also send the whole of it, as it does to proxies. */
export function pathOf(url: string): string {
  if (url.startsWith('/')) return url
  const path = /^https?:\/\/[^/?#]*(.*)$/is.exec(url)?.[1]
  return path === undefined ? url : path.startsWith('/') ? path : `/${path}`
}
