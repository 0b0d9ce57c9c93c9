import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { fail } from '../../kernel/errors.ts'

/** A server as the driver is told of it, and as people are. */
export interface Server {
  /** The url without what is said of TLS. */
  readonly connectionString: string
  /** Absent where the url says nothing of it. */
  readonly ssl?: false | ConnectionOptions
  /** The schemas that the url says; absent where it leaves them to the role. */
  readonly searchPath?: string
  /** The url without its password and its settings. */
  readonly name: string
}

const files = { sslrootcert: 'ca', sslcert: 'cert', sslkey: 'key' } as const

/**
 * What a url says. Whoever asks for TLS gets a server that shows a certificate for the host that is asked, signed by an authority of
 * the system or of `sslrootcert`: `require` and `verify-ca` mean no less than `verify-full`, since what is only encrypted may be read by whoever stands between.
 * `no-verify` says that this is wanted.
 * @throws INVALID_CONFIG, which tells no password.
 */
export function readUrl(url: string): Server {
  const name = nameOf(url)
  const [place = '', query = ''] = url.split(/\?(.*)/s)
  const settings = query === '' ? [] : query.split('&')
  const said = new Map<string, string>()
  const others = settings.filter((setting) => {
    const [key = '', value = ''] = setting.split(/=(.*)/s)
    if (key !== 'sslmode' && !Object.hasOwn(files, key)) return true
    said.set(key, decoded(name, value))
    return false
  })
  const connectionString = others.length === 0 ? place : `${place}?${others.join('&')}`
  const searchPath = searchPathOf(name, others)
  return {
    connectionString,
    name,
    ...(said.size === 0 ? {} : { ssl: tlsOf(name, said) }),
    ...(searchPath === undefined ? {} : { searchPath }),
  }
}

/** The schemas among the settings that a server is started with: `options=-c search_path=a,b`. */
function searchPathOf(name: string, settings: readonly string[]): string | undefined {
  const options = settings.find((setting) => setting.startsWith('options='))
  const text = options === undefined ? '' : decoded(name, options.slice('options='.length).replaceAll('+', ' '))
  return /(?:-c\s*|--)search_path=(\S+)/.exec(text)?.[1]
}

function tlsOf(name: string, said: ReadonlyMap<string, string>): false | ConnectionOptions {
  const mode = said.get('sslmode') ?? 'verify-full'
  if (mode === 'disable') return false
  if (!['require', 'verify-ca', 'verify-full', 'no-verify'].includes(mode))
    throw fail('INVALID_CONFIG', `The url of ${name} has sslmode=${mode}`, {
      remedy: 'Write verify-full for TLS; disable for none; no-verify where nobody can stand between.',
    })
  const options: ConnectionOptions = { rejectUnauthorized: mode !== 'no-verify' }
  for (const [setting, option] of Object.entries(files)) {
    const path = said.get(setting)
    if (path !== undefined) options[option] = contents(name, setting, path)
  }
  return options
}

function contents(name: string, setting: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw fail('INVALID_CONFIG', `The file that ${setting} in the url of ${name} names, ${path}, cannot be read`, {
      cause,
    })
  }
}

function decoded(name: string, text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw fail('INVALID_CONFIG', `A setting in the url of ${name} is not percent-encoded`)
  }
}

function nameOf(url: string): string {
  if (!URL.canParse(url)) return 'PostgreSQL'
  const { protocol, username, host, pathname } = new URL(url)
  return `${protocol}//${username === '' ? '' : `${username}@`}${host}${pathname}`
}
