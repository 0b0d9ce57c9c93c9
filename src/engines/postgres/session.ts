import type { Readable } from 'node:stream'
import type pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import { abandonable } from '../../kernel/abandon.ts'
import { type Call, checkCall } from '../../kernel/call.ts'
import { type ProvenderError, fail, isProvenderError } from '../../kernel/errors.ts'
import { explainPostgres } from './failure.ts'
import { type PostgresServers, type Reader, asError } from './servers.ts'
import { type Shape, readShapes } from './push-log.ts'
import { patiently } from './statement.ts'
import { begin, whenEnded } from './transaction.ts'
import { type SqlTable, checkSql } from './user-sql.ts'

/** One transaction of one query. It ends when it is disposed, and with it whatever it made. */
export class Session implements AsyncDisposable {
  readonly isReplica: boolean
  readonly call: Call | undefined
  readonly #servers: PostgresServers
  readonly #reader: Reader
  readonly #stopWatching: () => void
  #failed = false
  #lost = false
  /** What is being read: until its end the connection is good for nothing else. */
  #stream: Readable | undefined
  #disposal: Promise<void> | undefined
  #cancelling: Promise<void> | undefined

  private constructor(servers: PostgresServers, reader: Reader, call: Call | undefined) {
    this.#servers = servers
    this.#reader = reader
    this.call = call
    this.isReplica = reader.isReplica
    servers.underway.add(this)
    this.#stopWatching = whenEnded(call, () => this.#cancel())
  }

  /** Begins a transaction, patiently; on a replica it can make no tables. `write`: on the primary. */
  static async open(servers: PostgresServers, call: Call | undefined, write = false): Promise<Session> {
    return patiently(servers.primary.name, call, async () => {
      const session = new Session(servers, await servers.reader(call, write), call)
      try {
        await abandonable(begin(session.client, session.isReplica ? 'read only' : 'read write', call), call)
        return session
      } catch (thrown) {
        session.#reader.connections.failed(thrown)
        session.#failed = true
        await session[Symbol.asyncDispose]()
        throw thrown
      }
    })
  }

  /**
   * What opens sessions on further connections of the same server that see just what this one sees; it answers undefined where there is
   * none to spare.
   */
  async share(): Promise<() => Promise<Session | undefined>> {
    const { connections } = this.#reader
    const { rows } = await this.guard(this.client.query<{ id: unknown }>('select pg_export_snapshot() as id'))
    const mode = this.isReplica ? 'read only' : 'read write'
    return async () => {
      const client = connections.spare() ? await connections.take(this.call).catch(() => undefined) : undefined
      checkCall(this.call)
      if (client === undefined) return undefined
      const other = new Session(this.#servers, { ...this.#reader, client }, this.call)
      try {
        await other.guard(begin(client, mode, this.call, String(rows[0]?.id)))
        return other
      } catch {
        await other[Symbol.asyncDispose]()
        checkCall(this.call)
        return undefined
      }
    }
  }

  /** Whether the replica was in the way of a query that the primary may answer: it went away, or cancelled it for what it had to replay. */
  get lost(): boolean {
    return this.#lost
  }

  get client(): pg.PoolClient {
    return this.#reader.client
  }

  /** The kinds of rows that were pushed. */
  async shapes(): Promise<ReadonlyMap<number, Shape>> {
    const { rows } = await this.guard(
      this.client.query<{ name: unknown }>(`select to_regclass('push_shape')::text as name`),
    )
    return rows[0]?.name === null ? new Map() : this.guard(readShapes(this.client))
  }

  /** Checks user SQL where views can be made: on the primary. */
  async check(sql: string, tables: readonly SqlTable[], label: string): Promise<void> {
    if (!this.isReplica) return this.guard(checkSql(this.client, sql, tables, label))
    await using other = await Session.open(this.#servers, this.call, true)
    await other.check(sql, tables, label)
  }

  /** What a query answers, as bytes of a binary COPY. */
  copyOut(query: string): Readable {
    const stream: Readable = this.client.query(copyTo(`copy (${query}) to stdout (format binary)`))
    // It may be ended between two looks of whoever reads it.
    stream.on('error', () => undefined)
    this.#stream = stream
    return stream
  }

  /** Waits for a statement; what goes wrong is an error of the table, and what nobody waits for any more is cancelled. */
  async guard<T>(work: Promise<T>): Promise<T> {
    try {
      return await abandonable(work, this.call)
    } catch (thrown) {
      throw this.failure(thrown)
    }
  }

  /** An error of the table for what went wrong. */
  failure(thrown: unknown): ProvenderError {
    this.#failed = true
    if (isProvenderError(thrown)) {
      this.#lost ||= this.isReplica && thrown.code === 'STORE_UNREACHABLE'
      return thrown
    }
    if (this.#disposal !== undefined) return fail('CLOSED', 'The query was ended', { cause: thrown })
    try {
      checkCall(this.call)
    } catch (ended) {
      if (isProvenderError(ended)) return ended
    }
    const state = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    if (message.includes('no vector<')) return fail('BAD_VALUE', message, { cause: thrown })
    if (state.startsWith('22')) return fail('BAD_VALUE', message, { cause: thrown })
    const meaning = explainPostgres(this.#reader.connections.name, thrown)
    if (meaning === 'away' || meaning === 'broken') this.#reader.leaveOut()
    const error = asError(this.#reader.connections, thrown)
    this.#lost = this.isReplica && error.code === 'STORE_UNREACHABLE'
    return error
  }

  #cancel(): void {
    this.#failed = true
    void this.#cancelOnce()
    // Where the network swallows everything, no server says that it has ended the query.
    this.#stream?.destroy(endOf(this.call))
  }

  /** Has the server end what it does. Only then the connection is closed: a pooler in between knows of no query whose client has gone. */
  #cancelOnce(): Promise<void> {
    return (this.#cancelling ??= this.#reader.connections.cancel(this.client).catch(() => undefined))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#disposal ??= this.#end())
  }

  async #end(): Promise<void> {
    this.#stopWatching()
    this.#servers.underway.delete(this)
    if (this.#stream !== undefined && !this.#stream.readableEnded) {
      this.#failed = true
      this.#stream.destroy()
    }
    if (this.#failed) {
      void this.#cancelOnce().then(() => this.client.release(true))
      return
    }
    try {
      await this.client.query('rollback')
      this.client.release()
    } catch {
      this.client.release(true)
    }
  }
}

/** Why a call has ended. */
function endOf(call: Call | undefined): ProvenderError {
  try {
    checkCall(call)
  } catch (thrown) {
    if (isProvenderError(thrown)) return thrown
  }
  return fail('DEADLINE_EXCEEDED', 'The deadline passed')
}
