import { setTimeout as sleep } from 'node:timers/promises'
import { type CompiledQuery, Kysely, type Transaction } from 'kysely'
import { type Call, checkCall } from '../kernel/call.ts'
import { type ErrorCode, type ProvenderError, fail } from '../kernel/errors.ts'
import type { SqlEngine } from './engine.ts'
import type { Tables } from './tables.ts'

/** How long a call without a deadline tries to get past other writers. */
const patienceMs = 5000
/** The longest pause between two tries. */
const pauseMs = 40

/** The metadata store as its ports use it: transactions that are tried again while other writers are in the way. */
export interface Database extends AsyncDisposable {
  readonly name: string
  /** Runs reads that see one instant. */
  read<T>(call: Call | undefined, work: (tx: Transaction<Tables>) => Promise<T>): Promise<T>
  /** Runs a transaction that no other writer can come between. `work` may run several times; only the last one counts. */
  write<T>(call: Call | undefined, work: (tx: Transaction<Tables>) => Promise<T>): Promise<T>
  /** Runs one query whose text was compiled before: where microseconds count. */
  ask<Row>(call: Call | undefined, query: CompiledQuery<Row>): Promise<Row[]>
  /** Compiles a query for `ask`. */
  compile<Row>(build: (db: Kysely<Tables>) => { compile(): CompiledQuery<Row> }): CompiledQuery<Row>
}

/** Wraps an engine, which it owns from now on. */
export function openDatabase(engine: SqlEngine): Database {
  const kysely = new Kysely<Tables>({ dialect: engine.dialect })
  let closing: Promise<void> | undefined

  /** `done`: whether an attempt that lost the store may have counted. */
  async function patiently<T>(
    call: Call | undefined,
    attempt: () => Promise<T>,
    done: () => boolean = () => false,
  ): Promise<T> {
    const untilMs = call?.deadlineAtMs ?? Date.now() + patienceMs
    for (let tries = 0; ; tries++) {
      if (closing !== undefined) throw fail('CLOSED', `${engine.name} is closed`)
      checkCall(call)
      try {
        return await attempt()
      } catch (thrown) {
        const meaning = engine.explain(thrown)
        if (typeof meaning !== 'string') throw meaning
        if (meaning === 'broken' && done()) throw givenUp(meaning, 'STORE_UNREACHABLE', thrown)
        const waitMs = 1 + Math.random() * Math.min(pauseMs, 2 ** tries)
        if (Date.now() + waitMs > untilMs)
          throw givenUp(meaning, call?.deadlineAtMs === undefined ? 'STORE_UNREACHABLE' : 'DEADLINE_EXCEEDED', thrown)
        // An abort ends the pause; the next turn's check tells it.
        await sleep(waitMs, undefined, call?.signal === undefined ? {} : { signal: call.signal }).catch(() => {})
      }
    }
  }

  function givenUp(meaning: 'busy' | 'away' | 'broken', code: ErrorCode, cause: unknown): ProvenderError {
    const why = cause instanceof Error ? cause.message : String(cause)
    const what = {
      busy: `Other processes kept ${engine.name} locked for the whole time allowed`,
      away: `${engine.name} cannot be reached: ${why}`,
      broken: `The connection to ${engine.name} broke: ${why}`,
    }
    return fail(code, what[meaning], { cause })
  }

  async function write<T>(call: Call | undefined, work: (tx: Transaction<Tables>) => Promise<T>): Promise<T> {
    let committing = false
    const attempt = (): Promise<T> => {
      committing = false
      return kysely
        .transaction()
        .setIsolationLevel('serializable')
        .execute(async (tx) => {
          const result = await work(tx)
          committing = true
          return result
        })
    }
    return patiently(call, attempt, () => committing)
  }

  return Object.freeze({
    name: engine.name,
    read: (call, work) =>
      patiently(call, () =>
        kysely.transaction().setAccessMode('read only').setIsolationLevel('repeatable read').execute(work),
      ),
    write,
    ask: (call, query) => patiently(call, async () => (await kysely.executeQuery(query)).rows),
    compile: (build) => build(kysely).compile(),
    [Symbol.asyncDispose]: () => (closing ??= kysely.destroy().then(() => engine[Symbol.asyncDispose]())),
  } satisfies Database)
}
