import { randomBytes } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import type { Call } from '../../../kernel/call.ts'
import type { DeadLetter } from '../../../ports/dead-letters.ts'
import type { Appended, IdempotencyRecord, LogRange, LogRecord, Positioned, PushLog } from '../../../ports/push-log.ts'
import { checkCall } from '../../../kernel/call.ts'
import { fail } from '../../../kernel/errors.ts'
import { changes } from './changes.ts'
import { findLetters } from './dead-letters.ts'
import { GroupCommit } from './group-commit.ts'
import { codeOf, makeLogFolder, reaching, segmentPath, storeFailure } from './log-folder.ts'
import { LogIndex } from './log-index.ts'
import { type LogLimits, logLimits } from './log-limits.ts'
import { openManifest } from './manifest.ts'
import { positionOf } from './position.ts'
import type { RowDatabase } from './row-database.ts'

/** How often a lookup is repeated after the file that it points to was replaced. */
const lookups = 10

/**
 * Opens the push log in a folder, which is made where it is missing. Any number of processes may have it open.
 * @throws STORE_UNREACHABLE, STORE_FULL; CORRUPT_STORE naming the file.
 */
export async function openPushLog(path: string, changed: Partial<LogLimits> = {}): Promise<FilePushLog> {
  const limits = { ...logLimits, ...changed }
  return reaching(path, async () => {
    const folder = await makeLogFolder(path)
    const writer = randomBytes(8)
    const index = new LogIndex(folder, await openManifest(folder), writer)
    return new FilePushLog(index, limits, writer)
  })
}

/** The push log in files. */
export class FilePushLog implements PushLog {
  /** For who reads the log's rows in SQL. */
  readonly index: LogIndex
  readonly #limits: LogLimits
  readonly #commit: GroupCommit
  #database: Promise<RowDatabase> | undefined
  #durable = 0n
  #closing: Promise<void> | undefined

  constructor(index: LogIndex, limits: LogLimits, writer: Buffer) {
    this.index = index
    this.#limits = limits
    this.#commit = new GroupCommit(index, limits, writer)
  }

  async append(records: readonly LogRecord[], call?: Call): Promise<Appended[]> {
    this.enter(call)
    return records.length === 0 ? [] : this.#commit.append(records, call)
  }

  async head(call?: Call): Promise<bigint> {
    return this.#reach(call, async () => this.#durableHead())
  }

  async *changes(range: LogRange, call?: Call): AsyncGenerator<Positioned> {
    this.enter(call)
    try {
      for await (const each of changes(this.index, async () => (await this.#rows()).connect(), range)) {
        this.enter(call)
        yield each
      }
    } catch (thrown) {
      throw storeFailure(thrown, this.index.folder.path)
    }
  }

  async lookup(key: string, nowUs: bigint, call?: Call): Promise<IdempotencyRecord | undefined> {
    return this.#reach(call, async () => {
      for (let attempt = 0; attempt < lookups; attempt++) {
        // Who repeats the answer must be as sure of it as who gave it.
        await this.#durableHead()
        const holder = this.index.holder({ key, atUs: nowUs })
        if (holder === undefined) return undefined
        const claim = await this.index.claimOf(holder)
        if (claim !== undefined) return claim
      }
      throw fail(
        'STORE_UNREACHABLE',
        `The files of the push log in ${this.index.folder.path} were replaced each time before one was read`,
      )
    })
  }

  async deadLetters(query: Parameters<PushLog['deadLetters']>[0], call?: Call): Promise<DeadLetter[]> {
    return this.#reach(call, async () => findLetters(this.index, query))
  }

  async maintain(task: Parameters<PushLog['maintain']>[0], call?: Call): Promise<void> {
    return this.#reach(call, async () => {
      const { maintainLog } = await import('./maintain.ts')
      return maintainLog({ index: this.index, commit: this.#commit, limits: this.#limits }, task, call)
    })
  }

  /** Answers what is under way, then closes. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#commit.close()
    await this.index.close()
    await (await this.#database)?.[Symbol.asyncDispose]()
  }

  /** DuckDB is loaded by who first needs it: a push, and a reading of what is not sealed yet, do not. */
  #rows(): Promise<RowDatabase> {
    this.#database ??= import('./row-database.ts').then(
      ({ RowDatabase }) => new RowDatabase(this.index.folder.unfinished),
    )
    return this.#database
  }

  /** The end of the log, made durable whoever wrote it. */
  async #durableHead(): Promise<bigint> {
    const { end } = await this.index.refresh()
    const head = positionOf(end)
    if (head > this.#durable && end.offset > 0) await syncSegment(segmentPath(this.index.folder, end.segment))
    this.#durable = head
    return head
  }

  /** @throws CLOSED; what ends the call. */
  enter(call: Call | undefined): void {
    if (this.#closing !== undefined) throw fail('CLOSED', 'The push log is closed')
    checkCall(call)
  }

  async #reach<T>(call: Call | undefined, work: () => Promise<T>): Promise<T> {
    this.enter(call)
    return reaching(this.index.folder.path, work)
  }
}

/** A segment that is gone was sealed, which made it durable. */
async function syncSegment(path: string): Promise<void> {
  let handle: FileHandle
  try {
    handle = await open(path, 'r')
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return
    throw thrown
  }
  try {
    await handle.datasync()
  } finally {
    await handle.close()
  }
}
