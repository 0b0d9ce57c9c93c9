import type { DuckDBConnection, DuckDBResult, DuckDBValue } from '@duckdb/node-api'
import { type Call, checkCall } from '../../kernel/call.ts'
import { type ProvenderError, fail } from '../../kernel/errors.ts'
import { failureOf } from './failure.ts'

/** How often an interrupt is repeated until the statement has ended: one that comes before the statement has begun is lost. */
const interruptEveryMs = 20

/** One connection at work for one call: statements one after another, ended by the call's signal or deadline. */
export class Session implements AsyncDisposable {
  readonly connection: DuckDBConnection
  readonly #call: Call | undefined
  readonly #closed: (() => unknown)[] = []
  readonly #timer: NodeJS.Timeout | undefined
  readonly #onAbort = (): void => this.end(undefined)
  #reason: ProvenderError | undefined
  #ended = false
  #running: Promise<unknown> | undefined
  #interrupts: NodeJS.Timeout | undefined
  #disposal: Promise<void> | undefined

  constructor(connection: DuckDBConnection, call: Call | undefined) {
    this.connection = connection
    this.#call = call
    call?.signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (call?.deadlineAtMs !== undefined) {
      const waitMs = Math.min(Math.max(0, call.deadlineAtMs - Date.now()), 0x7fff_ffff)
      this.#timer = setTimeout(
        () => this.end(fail('DEADLINE_EXCEEDED', 'The deadline passed while the query ran')),
        waitMs,
      )
      this.#timer.unref()
    }
  }

  /** Runs a statement for its effect. */
  async run(sql: string): Promise<void> {
    await this.guard(() => this.connection.run(sql))
  }

  /** Runs a query with a small result. */
  async rows(sql: string): Promise<DuckDBValue[][]> {
    return this.guard(async () => (await this.connection.runAndReadAll(sql)).getRows())
  }

  /** Starts a query whose chunks are fetched with `guard`. */
  async stream(sql: string): Promise<DuckDBResult> {
    return this.guard(() => this.connection.stream(sql))
  }

  /** How much of the statement that runs is done, 0–1, where the session is watched; null where nothing runs or nothing is known. */
  progress(): number | null {
    if (this.#disposal !== undefined) return null
    const { percentage } = this.connection.progress
    return percentage < 0 ? null : Math.min(percentage / 100, 1)
  }

  /** Lets a piece of work on the connection run; its errors become errors of the table. */
  async guard<T>(work: () => Promise<T>): Promise<T> {
    this.check()
    const running = work()
    this.#running = running
    try {
      return await running
    } catch (thrown) {
      this.check()
      throw failureOf(thrown)
    } finally {
      this.#running = undefined
    }
  }

  /** @throws what ended the session, if it was ended. */
  check(): void {
    if (this.#reason !== undefined) throw this.#reason
    checkCall(this.#call)
    if (this.#ended) throw fail('CLOSED', 'The query was ended')
  }

  /** Adds what is to be done when the session is disposed; what was added last is done first. */
  onDispose(action: () => unknown): void {
    this.#closed.push(action)
  }

  /** Ends what runs. */
  end(reason: ProvenderError | undefined): void {
    this.#reason ??= reason
    this.#ended = true
    this.connection.interrupt()
    this.#interrupts ??= setInterval(() => {
      if (this.#running !== undefined) this.connection.interrupt()
    }, interruptEveryMs)
    this.#interrupts.unref()
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposal ??= this.#dispose()
    return this.#disposal
  }

  async #dispose(): Promise<void> {
    clearTimeout(this.#timer)
    this.#call?.signal?.removeEventListener('abort', this.#onAbort)
    if (this.#running !== undefined) this.end(undefined)
    this.#ended = true
    await this.#running?.catch(() => undefined)
    clearInterval(this.#interrupts)
    this.connection.closeSync()
    for (const closed of this.#closed.toReversed()) await closed()
  }
}
