import pg from 'pg'
import { type Call, checkCall } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'

/** Waits in milliseconds: without them a server that stands still is waited for without end. */
const waits = Object.freeze({
  /** For a connection: a new one, or one that somebody gives back. */
  connectMs: 5_000,
  /** For a lock that another session holds. */
  lockMs: 2_000,
  /** Of a transaction whose client does nothing. */
  idleInTransactionMs: 10_000,
  /** Of a connection that nobody uses. */
  idleMs: 60_000,
})

/** Connections of one process to one server. */
const most = 10

/** A pool of connections to one PostgreSQL server, shared by all ports of this process that use it. */
export interface Connections extends AsyncDisposable {
  /** The url without its password, for people. */
  readonly name: string
  /** A connection, to be given back by `release`; with `true` it is closed instead: after a failure that leaves its state unknown. @throws as the driver. */
  take(call?: Call): Promise<pg.PoolClient>
  /** Ends the statement that a connection is running, if it still is. */
  cancel(client: pg.PoolClient): Promise<void>
}

interface Shared {
  readonly pool: pg.Pool
  users: number
}

const shared = new Map<string, Shared>()

/** The connections to the server at a url; the same for all who ask for the same url. It connects when first used. */
export function openConnections(url: string): Connections {
  const found = shared.get(url) ?? { pool: newPool(url), users: 0 }
  shared.set(url, found)
  found.users += 1
  const name = nameOf(url)
  let closing: Promise<void> | undefined
  return Object.freeze({
    name,
    async take(call) {
      if (closing !== undefined) throw fail('CLOSED', `${name} is closed`)
      checkCall(call)
      return found.pool.connect()
    },
    cancel: (client) => cancel(url, client),
    [Symbol.asyncDispose]: () => (closing ??= release(url, found)),
  } satisfies Connections)
}

async function release(url: string, found: Shared): Promise<void> {
  found.users -= 1
  if (found.users > 0) return
  shared.delete(url)
  await found.pool.end()
}

function newPool(url: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'provender',
    max: most,
    connectionTimeoutMillis: waits.connectMs,
    idleTimeoutMillis: waits.idleMs,
    lock_timeout: waits.lockMs,
    idle_in_transaction_session_timeout: waits.idleInTransactionMs,
    keepAlive: true,
    allowExitOnIdle: true,
  })
  // A connection that breaks while nobody uses it leaves the pool by itself.
  pool.on('error', () => undefined)
  return pool
}

async function cancel(url: string, client: pg.PoolClient): Promise<void> {
  const { processID } = client as pg.PoolClient & { readonly processID: number | null }
  if (processID === null) return
  // A connection of its own: those of the pool may all be busy with what is to be cancelled.
  const canceller = new pg.Client({ connectionString: url, connectionTimeoutMillis: waits.connectMs })
  canceller.on('error', () => undefined)
  try {
    await canceller.connect()
    await canceller.query('select pg_cancel_backend($1)', [processID])
  } finally {
    await canceller.end().catch(() => undefined)
  }
}

/** A url without its password and its settings. */
function nameOf(url: string): string {
  if (!URL.canParse(url)) return 'PostgreSQL'
  const { protocol, username, host, pathname } = new URL(url)
  return `${protocol}//${username === '' ? '' : `${username}@`}${host}${pathname}`
}
