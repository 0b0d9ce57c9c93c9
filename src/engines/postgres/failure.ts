import { asProvenderError, fail, isProvenderError, type ProvenderError } from '../../kernel/errors.ts'

/**
 * What a failure means: `busy`, another session was in the way; `away`, the server could not be reached at all (nothing counts either
 * way); `broken`, the connection was lost on the way, and nobody knows what became of the statement; else the error to throw.
 */
export type Meaning = Trouble | ProvenderError
type Trouble = 'busy' | 'away' | 'broken'

// Conditions of PostgreSQL's appendix "Error Codes".
const busyStates: ReadonlySet<string> = new Set(['40001', '40P01', '55P03'])
/** Starting up, shutting down, or no connection is left: before anything was done. */
const awayStates: ReadonlySet<string> = new Set(['57P03', '53300'])
/** The disk is full; or a query may take no more memory, or room for temporary files. */
const fullStates: ReadonlySet<string> = new Set(['53100', '53200', '53400'])
/** Where a file cannot grow for another reason, such as a quota: PostgreSQL has a state for a full disk alone. */
const growing: ReadonlySet<unknown> = new Set(['mdextend', 'BufFileDumpBuffer'])
const corruptStates: ReadonlySet<string> = new Set(['XX001', 'XX002'])
const refusedStates: ReadonlySet<string> = new Set(['28000', '28P01', '3D000', '42501'])

const awayCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
])
const brokenCodes: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ECONNABORTED'])

/** With these a server ends the connection, or itself: for a client that did nothing for too long, a log of writes that has no room. */
const endings: ReadonlySet<unknown> = new Set(['FATAL', 'PANIC'])

const scarce = 'Ask for less at once, or let PostgreSQL have more of what the detail names.'

/** What a failure on the server `name` means. */
export function explainPostgres(name: string, thrown: unknown): Meaning {
  if (isProvenderError(thrown)) return thrown
  if (!(thrown instanceof Error)) return asProvenderError(thrown)
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : ''
  if (busyStates.has(code)) return 'busy'
  if (awayStates.has(code) || awayCodes.has(code) || thrown.message === noneFree) return 'away'
  if (fullStates.has(code) || ('routine' in thrown && growing.has(thrown.routine)))
    return fail('STORE_FULL', `${name} has no room: ${thrown.message}`, {
      cause: thrown,
      ...(code === '53100' ? {} : { remedy: scarce }),
    })
  if (corruptStates.has(code)) return fail('CORRUPT_STORE', `${name}: ${thrown.message}`, { cause: thrown })
  if (code === '57014')
    return fail('DEADLINE_EXCEEDED', `${name} ended a statement: ${thrown.message}`, { cause: thrown })
  if (code === '25006')
    return fail('STORE_UNREACHABLE', `${name} takes no writes: it is a replica`, {
      cause: thrown,
      remedy: 'Name the primary; replicas belong into `replicas`.',
    })
  if (refusedStates.has(code))
    return fail('STORE_UNREACHABLE', `${name} refuses: ${thrown.message}`, {
      cause: thrown,
      remedy: 'Check the user, the password, the database and its rights.',
    })
  if (thrown.message.startsWith('unsupported startup parameter'))
    return fail('STORE_UNREACHABLE', `${name} is behind a pooler, which says: ${thrown.message}`, {
      cause: thrown,
      remedy: 'See what poolers need: docs/guide/production.md#connection-poolers.',
    })
  const remedy = tlsRemedy(code, thrown.message)
  if (remedy !== undefined)
    return fail('STORE_UNREACHABLE', `${name} is not spoken to: ${thrown.message}`, { cause: thrown, remedy })
  const ended = 'severity' in thrown && endings.has(thrown.severity)
  if (ended || brokenCodes.has(code) || code.startsWith('08') || code.startsWith('57P') || isBroken(thrown.message))
    return 'broken'
  return asProvenderError(thrown)
}

/** What to do where the other end is not trusted, or speaks no TLS; undefined where it is about something else. */
function tlsRemedy(code: string, message: string): string | undefined {
  if (/^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_|ERR_TLS_)/.test(code))
    return 'Name the certificate of the authority that signed the server’s by  ?sslmode=verify-full&sslrootcert=ca.pem  behind the url, and the host as the certificate does.'
  return message === 'The server does not support SSL connections'
    ? 'Turn `ssl` on in PostgreSQL, or write  sslmode=disable.'
    : undefined
}

/** What the driver says of connections that ended, without a code. */
const isBroken = (message: string): boolean =>
  /^(?:Connection terminated|Client has encountered a connection error|Query read timeout)/.test(message)

/** The error for a server that stayed away, a connection that broke, or others that stayed in the way. */
export function unreachable(name: string, meaning: Trouble, cause: unknown): ProvenderError {
  const why = cause instanceof Error ? cause.message : String(cause)
  const what: Readonly<Record<Trouble, string>> = {
    away:
      why === noneFree
        ? `None of the connections of this process to ${name} came free in time`
        : `${name} cannot be reached: ${why}`,
    broken: `The connection to ${name} broke: ${why}`,
    busy: `Others kept ${name} locked for the whole time allowed`,
  }
  const isCrowded = cause instanceof Error && 'code' in cause && cause.code === '53300'
  const remedy = isCrowded ? crowded : why === noneFree ? held : undefined
  return fail('STORE_UNREACHABLE', what[meaning], { cause, ...(remedy === undefined ? {} : { remedy }) })
}

/** What the driver says where nobody gives a connection back. */
const noneFree = 'timeout exceeded when trying to connect'
const held =
  'Read what queries answer to its end, or dispose of it: until then each holds a connection. Or run more processes.'

const crowded = 'Raise `max_connections`, or run fewer processes: each opens at most 20 connections to a server.'
