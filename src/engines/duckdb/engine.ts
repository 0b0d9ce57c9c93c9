import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Call } from '../../kernel/call.ts'
import { type ProvenderError, fail } from '../../kernel/errors.ts'
import { failureOf } from './failure.ts'
import { FileSchemas } from './file-schema.ts'
import {
  type Instance,
  type InstanceLimits,
  allowSpill,
  closeInstance,
  lockInstance,
  openInstance,
} from './instance.ts'
import type { LogTable } from './leaf-context.ts'
import { type LogTables, openLogTables } from './push-log/log-table.ts'
import type { FilePushLog } from './push-log/push-log.ts'
import { Session } from './session.ts'

/** What an engine is opened with. */
export interface EngineOptions {
  readonly tempDir: string
  readonly repositoryDir: string
  readonly limits: InstanceLimits
  readonly log: FilePushLog | null
}

/** A session and what belongs to its DuckDB. */
export interface EngineSession {
  readonly session: Session
  readonly logTable: LogTable
  /** Where a locked session may write, a folder that who writes makes; null where it may write anywhere. */
  readonly scratchDir: string | null
}

/** A DuckDB and the push log's tables in it. */
interface Opened {
  readonly instance: Instance
  readonly tables: LogTables | null
}

/** One DuckDB for queries without user SQL; queries with it get a DuckDB of their own that can reach nothing else. */
export class Engine implements AsyncDisposable {
  readonly repositoryDir: string
  readonly schemas = new FileSchemas()
  readonly #options: EngineOptions
  readonly #sessions = new Set<Session>()
  #main: Promise<Opened> | undefined
  #disposal: Promise<void> | undefined

  constructor(options: EngineOptions) {
    this.#options = options
    this.repositoryDir = options.repositoryDir
  }

  /** A session on the shared instance; a watched one can tell its progress. @throws CLOSED. */
  async session(call: Call | undefined, watched: boolean): Promise<EngineSession> {
    this.#checkOpen()
    const { instance, tables } = await this.#shared()
    const session = this.#track(new Session(await this.#connect(instance, watched), call))
    return { session, logTable: logTableOf(tables, session), scratchDir: null }
  }

  /** A session on an instance of its own that can read these files and the push log, and write to a scratch folder; nothing else, for good. @throws CLOSED. */
  async lockedSession(files: readonly string[], call: Call | undefined, watched: boolean): Promise<EngineSession> {
    this.#checkOpen()
    const { tempDir, limits, log } = this.#options
    const scratchDir = join(tempDir, `${process.pid}-${randomUUID()}`)
    const undo = new AsyncDisposableStack()
    try {
      undo.defer(() => rm(scratchDir, { recursive: true, force: true }))
      const { instance, tables } = undo.adopt(
        await this.#open({ ...limits, memoryBytes: limits.memoryBytes / 2 }),
        close,
      )
      // Connected before the lock, behind which a connection cannot be told to be watched.
      const connection = await this.#connect(instance, watched)
      await lockInstance(instance, files, [...(log === null ? [] : [log.index.folder.rows]), scratchDir])
      const session = this.#track(new Session(connection, call))
      const opened = undo.move()
      session.onDispose(() => opened.disposeAsync())
      return { session, logTable: logTableOf(tables, session), scratchDir }
    } catch (thrown) {
      await undo.disposeAsync()
      throw failureOf(thrown)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposal ??= this.#dispose()
    return this.#disposal
  }

  /** The shared instance; opened by who needs it first, and again where that failed. */
  async #shared(): Promise<Opened> {
    this.#main ??= this.#open(this.#options.limits)
    try {
      return await this.#main
    } catch (thrown) {
      this.#main = undefined
      throw thrown
    }
  }

  /** A connection, unless the engine was disposed meanwhile. */
  async #connect(instance: Instance, watched: boolean): Promise<DuckDBConnection> {
    this.#checkOpen()
    const connection = await instance.db.connect()
    await allowSpill(instance, connection)
    if (watched) await connection.run('SET enable_progress_bar_print = false; SET enable_progress_bar = true')
    if (this.#disposal === undefined) return connection
    connection.closeSync()
    throw closed()
  }

  async #open(limits: InstanceLimits): Promise<Opened> {
    const instance = await openInstance(this.#options.tempDir, limits)
    try {
      return {
        instance,
        tables: this.#options.log === null ? null : await openLogTables(this.#options.log, instance.db),
      }
    } catch (thrown) {
      await closeInstance(instance)
      throw failureOf(thrown)
    }
  }

  #track(session: Session): Session {
    this.#sessions.add(session)
    session.onDispose(() => this.#sessions.delete(session))
    return session
  }

  #checkOpen(): void {
    if (this.#disposal !== undefined) throw closed()
  }

  async #dispose(): Promise<void> {
    const closing = [...this.#sessions].map((session) => {
      session.end(closed())
      return session[Symbol.asyncDispose]()
    })
    await Promise.all(closing)
    const main = await this.#main?.catch(() => undefined)
    if (main !== undefined) await close(main)
  }
}

const closed = (): ProvenderError => fail('CLOSED', 'The offline store is closed')

function logTableOf(tables: LogTables | null, session: Session): LogTable {
  return async (leaf) => {
    if (tables === null) return null
    const { sql, release } = await tables.table(leaf)
    session.onDispose(release)
    return sql
  }
}

async function close({ instance, tables }: Opened): Promise<void> {
  tables?.close()
  await closeInstance(instance)
}
