import { readFileSync } from 'node:fs'
import { fail } from '../../kernel/errors.ts'
import type { ReplicaWait } from './confirmations.ts'
import type { NodeOptions } from './node.ts'
import type { Listening } from './tracker.ts'

/** What is set for all servers of an online store. */
export interface ServerSettings {
  /** The file with the certificates of those who sign servers'. */
  readonly ca?: string
  readonly wait?: ReplicaWait
  readonly listening?: Listening
}

/**
 * What a url says: redis://user:password@host:port/database, rediss:// for TLS; what is no letter or digit in user and password percent-encoded.
 * A server over TLS shows a certificate for the host that is asked, signed by an authority of the system or of `ca`; else it is not spoken to.
 * @throws INVALID_CONFIG, which tells neither user nor password.
 */
export function readUrl(
  url: string,
  { ca, wait, listening }: ServerSettings,
): { readonly options: NodeOptions; readonly name: string } {
  const encode =
    'Write redis://user:password@host:6379, percent-encoded what is no letter or digit: %40 for @, %2F for /, %23 for #.'
  if (!URL.canParse(url)) throw fail('INVALID_CONFIG', 'The url of the online store cannot be read', { remedy: encode })
  const { protocol, hostname, port, username, password, pathname, search, hash } = new URL(url)
  const database = pathname.replace(/^\//, '')
  if (!/^rediss?:$/.test(protocol) || !/^\d{0,5}$/.test(database) || search !== '' || hash !== '')
    throw fail('INVALID_CONFIG', 'The online store has no redis:// or rediss:// url', { remedy: encode })
  const host = hostname === '' ? '127.0.0.1' : decodeURIComponent(hostname).replace(/^\[(.*)\]$/, '$1')
  const options: NodeOptions = {
    host,
    port: port === '' ? 6379 : Number(port),
    ...(username === '' ? {} : { username: decoded(username, encode) }),
    ...(password === '' ? {} : { password: decoded(password, encode) }),
    ...(database === '' ? {} : { db: Number(database) }),
    ...(protocol === 'rediss:' ? { tls: ca === undefined ? {} : { ca: certificates(ca) } } : {}),
    ...(wait === undefined ? {} : { wait }),
    ...(listening === undefined ? {} : { listening }),
  }
  return { options, name: `${protocol}//${hostname === '' ? host : hostname}:${options.port}` }
}

function decoded(text: string, remedy: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw fail('INVALID_CONFIG', 'User or password in the url of the online store cannot be read', { remedy })
  }
}

function certificates(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw fail('INVALID_CONFIG', `The certificates of the online store, online.ca: ${path}, cannot be read`, { cause })
  }
}
