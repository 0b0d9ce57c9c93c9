import { type ErrorCode, type ProvenderError, asProvenderError, fail, isProvenderError } from '../../kernel/errors.ts'
import { extraRules, neededRules } from './permissions.ts'

/** What the first word of a server's complaint means. */
const meanings: ReadonlyMap<string, ErrorCode> = new Map<string, ErrorCode>([
  ['OOM', 'STORE_FULL'],
  ['MISCONF', 'STORE_FULL'],
  ['CORRUPT', 'CORRUPT_STORE'],
  ['WRONGTYPE', 'CORRUPT_STORE'],
  ...`LOADING BUSY READONLY MASTERDOWN CLUSTERDOWN TRYAGAIN NOREPLICAS MOVED ASK CROSSSLOT
  NOAUTH WRONGPASS NOPERM DENIED NOSCRIPT`
    .split(/\s+/)
    .map((word): [string, ErrorCode] => [word, 'STORE_UNREACHABLE']),
])

const moving = 'Try again: keys are moving between the nodes of the cluster.'
const remedies: Readonly<Record<string, string>> = Object.freeze({
  OOM: 'Raise  maxmemory  of the Redis server, or materialize less. What is there is served meanwhile, and nothing of a row is half written.',
  MISCONF: 'The Redis server cannot write its data to disk: free its disk.',
  READONLY: 'Name the primary: this Redis server is a replica.',
  MOVED: moving,
  ASK: moving,
  NOAUTH: 'Put user and password into the url.',
  WRONGPASS: 'Check user and password in the url; of what is no letter or digit, write %40 for @ and so on.',
  NOPERM: `Allow the Redis user:  ${neededRules.join(' ')};  for a cluster  ${extraRules.cluster.join(' ')};  for online.wait  ${extraRules.wait.join(' ')};  for online.nearCache  ${extraRules.nearCache.join(' ')}`,
})

/** What Redis or its driver threw, as an error of the table that names the server. */
export function explainRedis(name: string, thrown: unknown): ProvenderError {
  if (isProvenderError(thrown)) return thrown
  if (!(thrown instanceof Error)) return asProvenderError(thrown)
  const cause = withoutCommand(thrown)
  // A script's complaint comes wrapped in where it was raised.
  const word = wordOf(thrown.message)
  const text = `The online store ${name}: ${thrown.message}`
  const remedy = remedies[word] ?? tlsRemedy(thrown)
  const facts = { cause, ...(remedy === undefined ? {} : { remedy }) }
  const meaning = meanings.get(word)
  if (meaning !== undefined) return fail(meaning, text, facts)
  if (isElsewhere(thrown) || isConnection(thrown)) return fail('STORE_UNREACHABLE', text, facts)
  return asProvenderError(cause)
}

/** What is told of a script is told in other words than of a command. */
const wordOf = (message: string): string =>
  message.includes('The user executing the script') ? 'NOPERM' : (/\b(?!ERR\b)[A-Z]{3,}\b/.exec(message)?.[0] ?? '')

/** The driver hangs the command on what it throws, with passwords and rows among its arguments: none of that may come into a log. */
export function withoutCommand(thrown: unknown): unknown {
  if (thrown instanceof Error && 'command' in thrown) delete thrown.command
  return thrown
}

function isConnection(thrown: Error): boolean {
  if ('syscall' in thrown || tlsRemedy(thrown) !== undefined) return true
  return (
    ['MaxRetriesPerRequestError', 'AbortError', 'ClusterAllFailedError'].includes(thrown.name) ||
    /^(?:Connection is closed|Stream isn't writeable|Command timed out|connect ETIMEDOUT|Socket timeout|Client network socket disconnected|Protocol error)/.test(
      thrown.message,
    )
  )
}

/** What to do where the other end is not trusted; undefined where it is about something else. */
function tlsRemedy(thrown: Error): string | undefined {
  const code = 'code' in thrown ? String(thrown.code) : ''
  if (/^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_|ERR_TLS_)/.test(code))
    return 'Name the certificate of the authority that signed the server’s in  online.ca,  and the host as the certificate does.'
  return /^(?:ERR_SSL_|EPROTO)/.test(code)
    ? 'Write rediss:// for a server with TLS, and redis:// for one without.'
    : undefined
}

/** Whether a server may be back in a while: one that does not let this user do what he wants will not be. */
export const isAway = (error: unknown): boolean =>
  isProvenderError(error) &&
  error.code === 'STORE_UNREACHABLE' &&
  !/\b(?:NOPERM|NOAUTH|WRONGPASS|certificate|user executing)\b/.test(error.message)

/** Whether a server was not heard of, where one that answers, whatever it says, is there. */
export const isSilence = (thrown: unknown): boolean =>
  isProvenderError(thrown)
    ? thrown.code === 'STORE_UNREACHABLE'
    : thrown instanceof Error && !meanings.has(wordOf(thrown.message)) && isConnection(thrown)

/** Whether a complaint is that a key is with another server: `MOVED`, `ASK`, or what a script says that meets one. */
export function isElsewhere(thrown: unknown): boolean {
  return (
    thrown instanceof Error && /\b(?:MOVED|ASK|CROSSSLOT|non local key|READONLY|CLUSTERDOWN)\b/.test(thrown.message)
  )
}
