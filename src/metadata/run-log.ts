import { sql, type Transaction } from 'kysely'
import { type Call, checkCall } from '../kernel/call.ts'
import type { Clock } from '../kernel/clock.ts'
import { fail } from '../kernel/errors.ts'
import { isStale } from '../decide/stale-write.ts'
import { type RunLog, type RunRecord, type RunState, type ViewState, runsKept } from '../ports/run-log.ts'
import type { Database } from './database.ts'
import { type Documents, documentsOf, encodeDocument, encodeProgress } from './document.ts'
import { acquire, holds, renew } from './leases.ts'
import { countChange } from './registry.ts'
import { integerOf, textOf } from './rows.ts'
import type { Tables } from './tables.ts'

/** The run log in SQL. `release` is called once, when it is disposed. */
export function sqlRunLog(database: Database, clock: Clock, release: () => Promise<void>): RunLog {
  const documents = documentsOf(database.name)
  let closing: Promise<void> | undefined
  const open = (call: Call | undefined): void => {
    if (closing !== undefined) throw fail('CLOSED', 'The run log is closed')
    checkCall(call)
  }
  return Object.freeze({
    async acquire(name, owner, options, call) {
      open(call)
      return acquire(database, { name, owner: encodeDocument(owner), ...options }, call)
    },
    async renew(name, token, forMs, call) {
      open(call)
      return database.write(call, (tx) => renew(tx, { name, token }, forMs))
    },
    async readState(view, call) {
      open(call)
      const row = await database.read(call, (tx) =>
        tx
          .selectFrom('view_state')
          .select(['version', 'generations', 'progress'])
          .where('view', '=', view)
          .executeTakeFirst(),
      )
      if (row === undefined) return { version: 0, value: null }
      const value: ViewState = Object.freeze({
        generations: documents.generations(textOf(row.generations, 'generations'), `view ${view}`),
        progress: documents.progress(textOf(row.progress, 'progress'), `view ${view}`),
      })
      return { version: integerOf(row.version, `document version of view ${view}`), value }
    },
    async writeState(view, write, call) {
      open(call)
      const state = {
        view,
        version: write.expect + 1,
        generations: encodeDocument(write.value.generations),
        progress: encodeProgress(write.value.progress),
      }
      return database.write(call, (tx) => swapState(tx, { write, state, clock }))
    },
    async putRun(run, expect, call) {
      open(call)
      return database.write(call, (tx) => putRun(tx, documents, { run, expect }))
    },
    async runs(query, call) {
      open(call)
      const rows = await database.read(call, (tx) => {
        let select = tx.selectFrom('run').select(['id', 'document']).orderBy('sequence', 'desc').limit(query.limit)
        if (query.id !== undefined) select = select.where('id', '=', query.id)
        if (query.view !== undefined) select = select.where('view', '=', query.view)
        if (query.state !== undefined) select = select.where('state', '=', query.state)
        return select.execute()
      })
      return rows.map((row) => runOf(documents, row))
    },
    [Symbol.asyncDispose]: () => (closing ??= release()),
  } satisfies RunLog)
}

interface PreparedState {
  readonly write: Parameters<RunLog['writeState']>[1]
  /** Encoded before the transaction, which has to be short. */
  readonly state: {
    readonly view: string
    readonly version: number
    readonly generations: string
    readonly progress: string
  }
  readonly clock: Clock
}

async function swapState(
  tx: Transaction<Tables>,
  { write, state, clock }: PreparedState,
): ReturnType<RunLog['writeState']> {
  if (write.lease !== undefined && !(await holds(tx, write.lease))) return { kind: 'conflict', head: -1 }
  const head = await stateVersion(tx, state.view)
  if (head !== write.expect) return { kind: 'conflict', head }
  if (isStale(write.at, clock.now())) return { kind: 'stale' }
  await tx
    .insertInto('view_state')
    .values(state)
    .onConflict((conflict) => conflict.column('view').doUpdateSet(state))
    .execute()
  await countChange(tx)
  return { kind: 'done', value: { version: state.version, value: write.value } }
}

/** The number of a view's document; 0 where there is none. */
async function stateVersion(tx: Transaction<Tables>, view: string): Promise<number> {
  const row = await tx.selectFrom('view_state').select('version').where('view', '=', view).executeTakeFirst()
  return row === undefined ? 0 : integerOf(row.version, `document version of view ${view}`)
}

async function putRun(
  tx: Transaction<Tables>,
  documents: Documents,
  { run, expect }: { readonly run: RunRecord; readonly expect: readonly RunState[] | undefined },
): Promise<RunRecord> {
  const row = await tx.selectFrom('run').select(['id', 'document']).where('id', '=', run.id).executeTakeFirst()
  if (row === undefined) {
    await insertRun(tx, run)
    return run
  }
  const stored = runOf(documents, row)
  if (expect !== undefined && !expect.includes(stored.state)) return stored
  const next = stored.cancel && !run.cancel ? { ...run, cancel: true } : run
  await tx
    .updateTable('run')
    .set({ view: next.view, state: next.state, document: encodeDocument(next) })
    .where('id', '=', run.id)
    .execute()
  return next
}

async function insertRun(tx: Transaction<Tables>, run: RunRecord): Promise<void> {
  const counter = await tx
    .updateTable('counter')
    .set({ value: sql<number>`value + 1` })
    .where('name', '=', 'run')
    .returning('value')
    .executeTakeFirst()
  const sequence = integerOf(counter?.value, 'run counter')
  await tx
    .insertInto('run')
    .values({ id: run.id, sequence, view: run.view, state: run.state, document: encodeDocument(run) })
    .execute()
  await tx
    .deleteFrom('run')
    .where('sequence', '<=', sequence - runsKept)
    .where('state', 'not in', ['queued', 'running'])
    .execute()
}

const runOf = (documents: Documents, row: { id: unknown; document: unknown }): RunRecord =>
  documents.run(textOf(row.document, 'record of a run'), `run ${textOf(row.id, 'id of a run')}`)
