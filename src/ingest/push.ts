import type { PushAnswer } from '../contract/store.ts'
import type { Snapshot } from '../decide/snapshot.ts'
import { type Call, checkCall } from '../kernel/call.ts'
import { type ProvenderError, fail } from '../kernel/errors.ts'
import { limits } from '../kernel/limits.ts'
import type { PushTo } from '../ports/dead-letters.ts'
import type { IdempotencyRecord, LogRecord, LogRow } from '../ports/push-log.ts'
import type { IngestDeps } from './deps.ts'
import { type Sent, deadLetterOf } from './dead-letter.ts'
import { bodyHash, checkKey, errorOf, firstAnswer } from './idempotency.ts'
import { type ReadRows, type Refusal, readRows, rejectedOf } from './push-row.ts'
import { type PushSchema, pushSchema, targetOf } from './push-schema.ts'
import { foreseeOnline, writeOnline } from './write-online.ts'

/** A push as it came. */
export interface PushRequest {
  /** Objects with a member for each column, at most `batchRows` of the deps. */
  readonly rows: readonly unknown[]
  /** Default `both`. */
  readonly to?: PushTo | undefined
  /** 1 to 255 characters; makes a retry safe for 24 hours. */
  readonly idempotencyKey?: string | undefined
  /** Whether values stand in the wire form (parsed by `parseExact`) or as JavaScript values. */
  readonly form: 'json' | 'js'
}

/**
 * Pushes rows to a view or a source: into the log, durable, then online. Good rows are kept though others are bad; bad ones become
 * dead letters. `accepted`, `superseded` (older than what is served, and still history) and `rejected` are disjoint; `rejected` names
 * rows by their index. With an idempotency key a retry gets the first answer, also from another process.
 * @throws UNKNOWN_NAME; PAYLOAD_TOO_LARGE; BAD_REQUEST; NOT_ONLINE; IDEMPOTENCY_MISMATCH; the first row's code when none is good, with the
 * first errors listed; STORE_UNREACHABLE, STORE_FULL, DEADLINE_EXCEEDED, after which the rows may be in history: retry with a key; NOT_REPLICATED, after
 * which they are in history and online, where a failover may lose them until the next catch-up.
 */
export async function push(deps: IngestDeps, target: string, request: PushRequest, call?: Call): Promise<PushAnswer> {
  checkCall(call)
  checkShape(request, deps.batchRows ?? limits.batchRows)
  const snapshot = await deps.snapshots.current(call)
  const schema = await pushSchema(deps, snapshot, targetOf(snapshot, target), call)
  const sent: Sent = { schema, to: request.to ?? 'both', form: request.form, now: deps.clock.now() }
  const plain: Pushing = { snapshot, sent, rows: request.rows }
  const { idempotencyKey: key } = request
  if (key === undefined) return pushOnce(deps, plain, call)

  const pushing = { ...plain, retry: { key, hash: bodyHash(schema.target, sent.to, request.rows) } }
  const earlier = await deps.log.lookup(key, sent.now, call)
  return earlier === undefined ? pushOnce(deps, pushing, call) : repeat(deps, pushing, earlier, call)
}

interface Pushing {
  readonly snapshot: Snapshot
  readonly sent: Sent
  readonly rows: readonly unknown[]
  readonly retry?: { readonly key: string; readonly hash: string }
}

/** How many of the refused rows an error lists. */
const listedErrors = 100

async function pushOnce(deps: IngestDeps, pushing: Pushing, call: Call | undefined): Promise<PushAnswer> {
  const { sent, rows, retry } = pushing
  const offline = sent.to === 'online' && !sent.schema.online ? notOnline(sent.schema) : undefined
  const read =
    offline === undefined
      ? readRows(sent.schema, rows, sent)
      : { good: [], refused: rows.map((_, row) => ({ row, error: offline })) }
  const refusal = offline ?? (rows.length > 0 && read.good.length === 0 ? refusalOf(read.refused) : undefined)
  if (rows.length === 0 && refusal === undefined) return { accepted: 0, superseded: 0, rejected: [] }

  const record = recordOf(pushing, read)
  // What the online store will say is asked before the append, so that a retry gets the very same answer from the log.
  const foreseen =
    retry === undefined || refusal !== undefined
      ? undefined
      : answerOf(read, await foreseeOnline(deps, pushing.snapshot, record, call))
  const first = {
    version: pushing.snapshot.version,
    ...(refusal === undefined ? { answer: foreseen } : { problem: refusal.toProblem() }),
  }
  const [appended] = await deps.log.append(
    [
      retry === undefined
        ? record
        : {
            ...record,
            idempotency: { key: retry.key, atUs: sent.now, bodyHash: retry.hash, answer: JSON.stringify(first) },
          },
    ],
    call,
  )
  if (appended?.kind === 'repeated') return repeat(deps, pushing, appended.earlier, call)
  if (refusal !== undefined) throw refusal
  const older = await writeOnline(deps, record, call)
  return foreseen ?? answerOf(read, older)
}

/** Answers a retry as the first push was answered; its rows may not have come online, so they are written once more, which changes nothing else. */
async function repeat(
  deps: IngestDeps,
  pushing: Pushing,
  earlier: IdempotencyRecord,
  call: Call | undefined,
): Promise<PushAnswer> {
  const first = firstAnswer(earlier, pushing.retry?.hash ?? '')
  if (first.answer === undefined)
    throw first.problem === undefined
      ? fail('CORRUPT_STORE', `The answer kept for the idempotency key "${earlier.key}" cannot be read`)
      : errorOf(first.problem)
  if (first.version === pushing.snapshot.version) {
    // Read at the instant of the first push, so created times and ties are those in the log.
    const sent = { ...pushing.sent, now: earlier.atUs }
    await writeOnline(
      deps,
      recordOf({ ...pushing, sent }, { good: readRows(sent.schema, pushing.rows, sent).good, refused: [] }),
      call,
    )
  }
  return first.answer
}

function recordOf({ sent, rows }: Pushing, { good, refused }: ReadRows): LogRecord {
  return {
    target: sent.schema.target,
    to: sent.to,
    columns: sent.schema.columns,
    rows: good satisfies readonly LogRow[],
    deadLetters: refused.map((refusal) => deadLetterOf(sent, rows[refusal.row], refusal)),
    replayed: [],
  }
}

function answerOf(read: ReadRows, older: readonly boolean[]): PushAnswer {
  const superseded = older.filter(Boolean).length
  return { accepted: read.good.length - superseded, superseded, rejected: read.refused.map(rejectedOf) }
}

function checkShape({ rows, to, idempotencyKey }: PushRequest, most: number): void {
  checkKey(idempotencyKey)
  if (!Array.isArray(rows)) throw fail('BAD_REQUEST', '"rows" is not an array of rows', { at: '/rows' })
  if (rows.length > most)
    throw fail('PAYLOAD_TOO_LARGE', `${rows.length} rows were pushed in one call; ${most} are allowed`, {
      at: '/rows',
    })
  if (to !== undefined && to !== 'both' && to !== 'online' && to !== 'offline')
    throw fail('BAD_REQUEST', `"to" is both, online or offline, not "${String(to)}"`, { at: '/to' })
}

function notOnline({ target }: PushSchema): ProvenderError {
  const what =
    target.kind === 'view'
      ? `View "${target.name}" is not online`
      : `Source "${target.name}" has no view that is online`
  return fail('NOT_ONLINE', what, { at: '/to' })
}

function refusalOf(refused: readonly Refusal[]): ProvenderError | undefined {
  const [first] = refused
  if (first === undefined || refused.length === 1) return first?.error
  const { code, message, at, remedy } = first.error
  return fail(code, `None of the ${refused.length} rows is good; the first: ${message}`, {
    at,
    remedy,
    errors: refused.slice(0, listedErrors).map((refusal) => refusal.error),
  })
}
