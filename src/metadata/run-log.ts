import { randomUUID } from 'node:crypto'
import { sql, type Transaction } from 'kysely'
import { type Call, checkCall } from '../kernel/call.ts'
import type { Clock } from '../kernel/clock.ts'
import { fail } from '../kernel/errors.ts'
import { isStale } from '../ports/registry.ts'
import { type Owner, type RunLog, type RunRecord, type RunState, type ViewState, runsKept } from '../ports/run-log.ts'
import type { Database } from './database.ts'
import {
  decodeGenerations,
  decodeOwner,
  decodeProgress,
  decodeRun,
  encodeDocument,
  encodeProgress,
} from './document.ts'
import { countChange, putState, stateVersion } from './registry.ts'
import { integerOf, textOf } from './rows.ts'
import type { Tables } from './tables.ts'

/** The run log in SQL. `release` is called once, when it is disposed. */
export function sqlRunLog(database: Database, clock: Clock, release: () => Promise<void>): RunLog {
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
      return database.write(call, async (tx) => {
        const ours =
          forMs > 0
            ? await tx
                .updateTable('lease')
                .set({ until_ms: Date.now() + forMs })
                .where('name', '=', name)
                .where('token', '=', token)
                .returning('name')
                .execute()
            : await tx
                .deleteFrom('lease')
                .where('name', '=', name)
                .where('token', '=', token)
                .returning('name')
                .execute()
        return ours.length > 0
      })
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
        generations: decodeGenerations(textOf(row.generations, 'generations'), `view ${view}`),
        progress: decodeProgress(textOf(row.progress, 'progress'), `view ${view}`),
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
      return database.write(call, async (tx) => {
        if (write.lease !== undefined && !(await holds(tx, write.lease))) return { kind: 'conflict', head: -1 }
        const head = await stateVersion(tx, view)
        if (head !== write.expect) return { kind: 'conflict', head }
        if (isStale(write.at, clock.now())) return { kind: 'stale' }
        await putState(tx, state)
        await countChange(tx)
        return { kind: 'done', value: { version: state.version, value: write.value } }
      })
    },
    async putRun(run, expect, call) {
      open(call)
      return database.write(call, (tx) => putRun(tx, run, expect))
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
      return rows.map(runOf)
    },
    [Symbol.asyncDispose]: () => (closing ??= release()),
  } satisfies RunLog)
}

interface Wanted {
  readonly name: string
  readonly owner: string
  readonly forMs: number
  readonly dead: (owner: Owner) => boolean
}

/** Whether the holder is dead is asked outside of the transaction: it may look at the system. It is void if the lease has moved since. */
async function acquire(
  database: Database,
  wanted: Wanted,
  call: Call | undefined,
): Promise<{ token: string } | { heldBy: Owner; untilMs: number }> {
  for (;;) {
    const seen = await database.read(call, (tx) => leaseOf(tx, wanted.name))
    if (seen !== undefined && seen.untilMs > Date.now()) {
      const heldBy = decodeOwner(seen.owner, wanted.name)
      if (!wanted.dead(heldBy)) return { heldBy, untilMs: seen.untilMs }
    }
    const token = randomUUID()
    const taken = await database.write(call, async (tx) => {
      const now = await leaseOf(tx, wanted.name)
      if (now?.token !== seen?.token || now?.untilMs !== seen?.untilMs) return false
      const lease = { name: wanted.name, token, owner: wanted.owner, until_ms: Date.now() + wanted.forMs }
      await tx
        .insertInto('lease')
        .values(lease)
        .onConflict((conflict) => conflict.column('name').doUpdateSet(lease))
        .execute()
      return true
    })
    if (taken) return { token }
  }
}

async function leaseOf(
  tx: Transaction<Tables>,
  name: string,
): Promise<{ token: string; owner: string; untilMs: number } | undefined> {
  const row = await tx
    .selectFrom('lease')
    .select(['token', 'owner', 'until_ms'])
    .where('name', '=', name)
    .executeTakeFirst()
  return row === undefined
    ? undefined
    : {
        token: textOf(row.token, 'token of a lease'),
        owner: textOf(row.owner, 'owner of a lease'),
        untilMs: integerOf(row.until_ms, 'end of a lease'),
      }
}

/** A lease that ended but that nobody took is still its holder's: nobody else can have written under it. */
async function holds(
  tx: Transaction<Tables>,
  lease: { readonly name: string; readonly token: string },
): Promise<boolean> {
  return (
    (await tx
      .selectFrom('lease')
      .select('name')
      .where('name', '=', lease.name)
      .where('token', '=', lease.token)
      .executeTakeFirst()) !== undefined
  )
}

async function putRun(
  tx: Transaction<Tables>,
  run: RunRecord,
  expect: readonly RunState[] | undefined,
): Promise<RunRecord> {
  const row = await tx.selectFrom('run').select(['id', 'document']).where('id', '=', run.id).executeTakeFirst()
  if (row === undefined) {
    await insertRun(tx, run)
    return run
  }
  const stored = runOf(row)
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

const runOf = (row: { id: unknown; document: unknown }): RunRecord =>
  decodeRun(textOf(row.document, 'record of a run'), `run ${textOf(row.id, 'id of a run')}`)
