import pg from 'pg'
import { abandonable } from '../../kernel/abandon.ts'
import { type Call, checkCall } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { type Server, readUrl } from './server-url.ts'

/** Waits in milliseconds: without them a server that stands still is waited for without end. */
const waits = Object.freeze({
  /** For a connection: a new one, or one that somebody gives back. */
  connectMs: 5_000,
  /** For a lock that another session holds. */
  lockMs: 2_000,
  /** Of a transaction whose client does nothing. */
  idleInTransactionMs: 10_000,
  /** Of silence after which the network is asked whether the server is still there. */
  keepAliveMs: 10_000,
  /** Of a connection that nobody uses. */
  idleMs: 60_000,
})

/**
 * How often a server looks whether the client of a statement is still there, in milliseconds: one that was killed cancels nothing. Where a
 * pooler hands out connections by transaction, it holds for those that set it themselves.
 */
export const clientCheckMs = 1_000

/**
 * What a server does for a client that was killed, whose machine went away, or whose network did: it looks whether the
 * client of a statement is still there, also while that waits for a lock, and asks the network after a minute of silence.
 */
const whileClientLives = `set client_connection_check_interval = ${clientCheckMs}; set tcp_keepalives_idle = 60; set tcp_keepalives_interval = 10; set tcp_keepalives_count = 6`

/** Connections of one process to one server, for each use. */
const most = 10

/** What connections are for: calls that take as long as the server takes, or queries that take as long as somebody reads what they answer. */
export type Use = 'calls' | 'queries'

/** A pool of connections to one PostgreSQL server, shared by all ports of this process that use it. */
export interface Connections extends AsyncDisposable {
  /** The url without its password, for people. */
  readonly name: string
  /** A connection, to be given back by `release`; with `true` it is closed instead: after a failure that leaves its state unknown. @throws as the driver. */
  take(call?: Call): Promise<pg.PoolClient>
  /** Whether there is one that nobody will miss: fewer than half of them are in use. Who holds one must not wait for another. */
  spare(): boolean
  /**
   * Hears what went wrong with a connection. Where the server did not answer in time, the network may have lost all that there are: none of
   * those that were made before is given to anybody any more.
   */
  failed(thrown: unknown): void
  /** Ends the statement that a connection is running, if it still is. */
  cancel(client: pg.PoolClient): Promise<void>
}

interface Shared {
  readonly pool: pg.Pool
  /** When each connection was made, by the clock of the process. */
  readonly madeAtMs: WeakMap<pg.PoolClient, number>
  /** Connections that were made before are not trusted. */
  trustedFromMs: number
  users: number
}

const shared = new Map<string, Shared>()

/**
 * The connections to the server at a url; the same for all who ask for the same url and use. It connects when first used: readers who
 * stand still hold none that a push would need.
 * @throws INVALID_CONFIG.
 */
export function openConnections(url: string, use: Use = 'calls'): Connections {
  const server = readUrl(url)
  const key = `${use} ${url}`
  const found = shared.get(key) ?? newShared(server)
  shared.set(key, found)
  found.users += 1
  const { name } = server
  let closing: Promise<void> | undefined
  return Object.freeze({
    name,
    async take(call) {
      if (closing !== undefined) throw fail('CLOSED', `${name} is closed`)
      for (;;) {
        checkCall(call)
        const client = await takeOne(found.pool, call)
        if ((found.madeAtMs.get(client) ?? 0) >= found.trustedFromMs) return client
        client.release(true)
      }
    },
    spare: () => found.pool.waitingCount === 0 && 2 * (found.pool.totalCount - found.pool.idleCount) < most,
    failed(thrown) {
      if (isSilence(thrown)) found.trustedFromMs = performance.now()
    },
    cancel,
    [Symbol.asyncDispose]: () => (closing ??= release(key, found)),
  } satisfies Connections)
}

/** What the driver says where an answer did not come in time. */
const isSilence = (thrown: unknown): boolean =>
  thrown instanceof Error && thrown.message.startsWith('Query read timeout')

async function takeOne(pool: pg.Pool, call: Call | undefined): Promise<pg.PoolClient> {
  const taken = pool.connect()
  return abandonable(taken, call).catch((thrown: unknown) => {
    taken.then(
      (client) => client.release(),
      () => undefined,
    )
    throw thrown
  })
}

async function release(key: string, found: Shared): Promise<void> {
  found.users -= 1
  if (found.users > 0) return
  shared.delete(key)
  await found.pool.end()
}

function newShared(server: Server): Shared {
  const pool = newPool(server)
  const madeAtMs = new WeakMap<pg.PoolClient, number>()
  pool.on('connect', (client) => void madeAtMs.set(client, performance.now()))
  return { pool, madeAtMs, trustedFromMs: 0, users: 0 }
}

function newPool(server: Server): pg.Pool {
  const { connectionString, ssl } = server
  const pool = new pg.Pool({
    connectionString,
    ssl,
    application_name: 'provender',
    max: most,
    connectionTimeoutMillis: waits.connectMs,
    idleTimeoutMillis: waits.idleMs,
    lock_timeout: waits.lockMs,
    idle_in_transaction_session_timeout: waits.idleInTransactionMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: waits.keepAliveMs,
    verify: (client, done) =>
      void begin(client, server).then(
        () => done(),
        (thrown: unknown) => done(thrown instanceof Error ? thrown : new Error(String(thrown))),
      ),
    allowExitOnIdle: true,
  })
  // A connection that breaks while nobody uses it leaves the pool by itself. One that is used tells its statements; it also
  // emits what nobody else listens for, and so would end the process.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => void client.on('error', () => undefined))
  return pool
}

/** Sets a new connection up. @throws STORE_UNFIT where it leads to other schemas than the url says. */
async function begin(client: pg.PoolClient, { name, searchPath }: Server): Promise<void> {
  await client.query({ text: whileClientLives, query_timeout: waits.connectMs } as pg.QueryConfig)
  if (searchPath === undefined) return
  const { rows } = await client.query<{ path: unknown }>(`select current_setting('search_path') as path`)
  const path = String(rows[0]?.path)
  if (path.replaceAll(/["\s]/g, '') !== searchPath.replaceAll('"', ''))
    throw fail('STORE_UNFIT', `${name} looks for tables in ${path}, not in ${searchPath} as its url says`, {
      remedy:
        'A pooler in between has thrown the options of the url away: write  alter role … set search_path = …  in PostgreSQL, or name its own address.',
    })
}

/** What the driver knows of a connection, and does not tell in its types. */
type Connected = pg.PoolClient & {
  readonly host: string
  readonly port: number
  readonly ssl: NonNullable<pg.ClientConfig['ssl']>
  readonly processID: number | null
  readonly secretKey: number | null
}
type Canceller = pg.Connection & {
  connect(port: number, host: string): void
  requestSsl(): void
  cancel(processID: number, secretKey: number): void
}

/** Sends PostgreSQL's own request to cancel. It takes none of the server's connections, of which there may be none left; it has no answer. */
async function cancel(client: pg.PoolClient): Promise<void> {
  const { host, port, ssl, processID, secretKey } = client as Connected
  if (processID === null || secretKey === null) return
  const canceller = new pg.Connection({ ssl }) as Canceller
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, waits.connectMs)
  const send = (): void => canceller.cancel(processID, secretKey)
  canceller.on('connect', () => (ssl === false ? send() : canceller.requestSsl()))
  canceller.on('sslconnect', send)
  canceller.on('error', () => resolve())
  canceller.on('end', () => resolve())
  if (host.startsWith('/'))
    (canceller as unknown as { connect(path: string): void }).connect(`${host}/.s.PGSQL.${port}`)
  else canceller.connect(port, host)
  await promise
  clearTimeout(timer)
  canceller.stream.destroy()
}
