import type pg from 'pg'
import { setTimeout as sleep } from 'node:timers/promises'
import { abandonable } from '../../kernel/abandon.ts'
import { type Call, checkCall } from '../../kernel/call.ts'
import type { ProvenderError } from '../../kernel/errors.ts'
import { type Connections, openConnections } from './connections.ts'
import { explainPostgres, unreachable } from './failure.ts'
import { promptly } from './transaction.ts'

/** How long a replica is given to get to what the primary has, in milliseconds. */
const catchUpMs = 100
const pollMs = 5
/** How long a replica that failed is left out. */
const leftOutMs = 5_000

/** A connection that reads, and where it leads. */
export interface Reader {
  readonly client: pg.PoolClient
  readonly connections: Connections
  readonly isReplica: boolean
  /** Leaves the replica out for a while: its connection broke. */
  readonly leaveOut: () => void
}

/** The primary and its replicas. */
export interface PostgresServers extends AsyncDisposable {
  readonly primary: Connections
  /**
   * A connection for reading: to a replica that has all that the primary had committed before the call, in turn; to the primary where
   * there is none. `write`: to the primary. @throws as the driver.
   */
  reader(call: Call | undefined, write: boolean): Promise<Reader>
  /** Transactions under way: closing the servers ends them. */
  readonly underway: Set<AsyncDisposable>
}

interface Replica {
  readonly connections: Connections
  outUntilMs: number
}

/** Opens the servers of a PostgreSQL; each connects when first used. */
export function openServers(url: string, replicaUrls: readonly string[]): PostgresServers {
  const primary = openConnections(url, 'queries')
  const replicas: Replica[] = replicaUrls.map((each) => ({
    connections: openConnections(each, 'queries'),
    outUntilMs: 0,
  }))
  let turn = 0
  const ofPrimary = async (call: Call | undefined): Promise<Reader> => ({
    client: await primary.take(call),
    connections: primary,
    isReplica: false,
    leaveOut: () => undefined,
  })
  const underway = new Set<AsyncDisposable>()
  return Object.freeze({
    primary,
    underway,
    async reader(call, write) {
      checkCall(call)
      const there = replicas.filter(({ outUntilMs }) => outUntilMs <= performance.now())
      if (write || there.length === 0) return ofPrimary(call)
      const position = await writtenPosition(primary, call)
      turn += 1
      const replica = there[turn % there.length]
      if (replica !== undefined) {
        const { connections } = replica
        const leaveOut = (): void => void (replica.outUntilMs = performance.now() + leftOutMs)
        try {
          const client = await reached(connections, position, call)
          if (client !== undefined) return { client, connections, isReplica: true, leaveOut }
        } catch (thrown) {
          checkCall(call)
          if (!isAway(connections, thrown)) throw thrown
          leaveOut()
        }
      }
      return ofPrimary(call)
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...underway].map((each) => each[Symbol.asyncDispose]()))
      await Promise.all(
        [primary, ...replicas.map(({ connections }) => connections)].map((each) => each[Symbol.asyncDispose]()),
      )
    },
  } satisfies PostgresServers)
}

/** What a failure means to who does not try again. */
export function asError(connections: Connections, thrown: unknown): ProvenderError {
  const meaning = explainPostgres(connections.name, thrown)
  return typeof meaning === 'string' ? unreachable(connections.name, meaning, thrown) : meaning
}

function isAway(connections: Connections, thrown: unknown): boolean {
  const error = asError(connections, thrown)
  return error.code === 'STORE_UNREACHABLE' || error.code === 'DEADLINE_EXCEEDED'
}

/** Up to where the primary has committed: what was answered before is below it. */
async function writtenPosition(primary: Connections, call: Call | undefined): Promise<string> {
  const client = await primary.take(call)
  try {
    const asked = promptly<{ position: unknown }>(client, 'select pg_current_wal_flush_lsn()::text as position')
    const [row] = await abandonable(asked, call)
    client.release()
    return String(row?.position)
  } catch (thrown) {
    primary.failed(thrown)
    client.release(true)
    throw thrown
  }
}

/** A connection to a replica that has replayed up to a position; undefined where it has not in time. */
async function reached(
  replica: Connections,
  position: string,
  call: Call | undefined,
): Promise<pg.PoolClient | undefined> {
  const client = await replica.take(call)
  const untilMs = performance.now() + catchUpMs
  try {
    for (;;) {
      const there = 'select coalesce(pg_last_wal_replay_lsn() >= $1::pg_lsn, true) as there'
      const [row] = await abandonable(promptly<{ there: unknown }>(client, there, [position]), call)
      if (row?.there === true) return client
      if (performance.now() > untilMs) {
        client.release()
        return undefined
      }
      await sleep(pollMs)
    }
  } catch (thrown) {
    replica.failed(thrown)
    client.release(true)
    throw thrown
  }
}
