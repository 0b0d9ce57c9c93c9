import { type ErrorCode, type ProvenderError, asProvenderError, fail, isProvenderError } from '../../kernel/errors.ts'

/** What the first word of a server's complaint means. */
const meanings: ReadonlyMap<string, ErrorCode> = new Map<string, ErrorCode>([
  ['OOM', 'STORE_FULL'],
  ['MISCONF', 'STORE_FULL'],
  ['CORRUPT', 'CORRUPT_STORE'],
  ['WRONGTYPE', 'CORRUPT_STORE'],
  ...['LOADING', 'BUSY', 'READONLY', 'MASTERDOWN', 'CLUSTERDOWN', 'TRYAGAIN', 'NOREPLICAS'].map(
    (word): [string, ErrorCode] => [word, 'STORE_UNREACHABLE'],
  ),
  ...['NOAUTH', 'WRONGPASS', 'NOPERM', 'DENIED'].map((word): [string, ErrorCode] => [word, 'STORE_UNREACHABLE']),
])

const remedies: Readonly<Record<string, string>> = Object.freeze({
  OOM: 'Raise maxmemory of the Redis server, or materialize less. Its policy must be noeviction.',
  MISCONF: 'The Redis server cannot write its data to disk: free its disk.',
  READONLY: 'Name the primary: this Redis server is a replica.',
  NOAUTH: 'Put user and password into the url.',
  WRONGPASS: 'Check user and password in the url.',
  NOPERM: 'Allow the user the commands EVALSHA, EVALSHA_RO, EVAL, SCAN, INFO, H* on the keys pv:*.',
})

/** What Redis or its driver threw, as an error of the table that names the server. */
export function explainRedis(name: string, thrown: unknown): ProvenderError {
  if (isProvenderError(thrown)) return thrown
  if (!(thrown instanceof Error)) return asProvenderError(thrown)
  // A script's complaint comes wrapped in where it was raised.
  const word = /\b(?:[A-Z]{3,})\b/.exec(thrown.message)?.[0] ?? ''
  const text = `The online store ${name}: ${thrown.message}`
  const remedy = remedies[word]
  const facts = { cause: thrown, ...(remedy === undefined ? {} : { remedy }) }
  const meaning = meanings.get(word)
  if (meaning !== undefined) return fail(meaning, text, facts)
  if (isConnection(thrown)) return fail('STORE_UNREACHABLE', text, facts)
  return asProvenderError(thrown)
}

function isConnection(thrown: Error): boolean {
  if ('syscall' in thrown) return true
  return (
    ['MaxRetriesPerRequestError', 'AbortError', 'ClusterAllFailedError'].includes(thrown.name) ||
    /^(?:Connection is closed|Stream isn't writeable|Command timed out|connect ETIMEDOUT)/.test(thrown.message)
  )
}

/** The word of a complaint that says where a key went: `MOVED`, `ASK`; or that a server has no such key. */
export function isElsewhere(thrown: unknown): boolean {
  return (
    thrown instanceof Error && /\b(?:MOVED|ASK|CROSSSLOT|non local key|READONLY|CLUSTERDOWN)\b/.test(thrown.message)
  )
}
