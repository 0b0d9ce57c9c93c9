import { createHash } from 'node:crypto'
import { parseExact } from '../codecs/exact-json.ts'
import type { DeadLetterEntry } from '../contract/store.ts'
import { type Call, checkCall } from '../kernel/call.ts'
import { fail, isProvenderError } from '../kernel/errors.ts'
import { limits } from '../kernel/limits.ts'
import type { DeadLetter } from '../ports/dead-letters.ts'
import type { LogRecord } from '../ports/push-log.ts'
import { formatInstant } from '../values/instant.ts'
import type { IngestDeps } from './deps.ts'
import { readRows } from './push-row.ts'
import { type PushSchema, pushSchema } from './push-schema.ts'
import { writeOnline } from './write-online.ts'

/** Dead letters listed in one answer, unless asked for fewer or more. */
const listedByDefault = 100
/** Dead letters listed, or replayed from one read, at most. */
const listedAtMost = 1000

/** Which dead letters are listed. */
export interface DeadLetterQuery {
  /** The view or source that they were pushed to. */
  readonly source?: string | undefined
  /** 1 to 1000; default 100. */
  readonly limit?: number | undefined
  /** `next` of the answer before. */
  readonly after?: string | undefined
}

/** Lists refused rows, oldest first, each as it was sent; `next` is there where more follow. @throws BAD_REQUEST for a limit out of range. */
export async function listDeadLetters(
  deps: Pick<IngestDeps, 'log'>,
  query: DeadLetterQuery,
  call?: Call,
): Promise<{ deadLetters: readonly DeadLetterEntry[]; next?: string }> {
  checkCall(call)
  const limit = query.limit ?? listedByDefault
  if (!Number.isInteger(limit) || limit < 1 || limit > listedAtMost)
    throw fail('BAD_REQUEST', `"limit" is a number from 1 to ${listedAtMost}, not ${limit}`, { at: '/limit' })
  const found = await deps.log.deadLetters(
    {
      ...(query.source === undefined ? {} : { target: query.source }),
      ...(query.after === undefined ? {} : { after: query.after }),
      limit: limit + 1,
    },
    call,
  )
  const deadLetters = found.slice(0, limit).map(({ id, atUs, target, row, code, detail }) => ({
    id,
    at: formatInstant(atUs),
    source: target.name,
    row: rowOf(row),
    code,
    detail,
  }))
  const last = deadLetters.at(-1)
  return { deadLetters, ...(found.length > limit && last !== undefined ? { next: last.id } : {}) }
}

/** A kept row: as deep as whatever took it allowed. */
const rowOf = (text: string): unknown => parseExact(text, 'the dead letter', { levels: limits.dataDepth })

/** Which dead letters are replayed: all, those of a target, those named. Names that are not listed (any more) are passed over. */
export interface ReplayQuery {
  readonly ids?: readonly string[] | undefined
  readonly source?: string | undefined
}

/** How a replay went. `replayed` = `accepted` + `rejected`. */
export interface ReplayAnswer {
  readonly replayed: number
  readonly accepted: number
  readonly rejected: number
}

/**
 * Pushes refused rows again, as if they came now: one that is good now leaves the list in the very record that makes it history; one
 * that is still bad stays as it is.
 */
export async function replayDeadLetters(deps: IngestDeps, query: ReplayQuery, call?: Call): Promise<ReplayAnswer> {
  checkCall(call)
  let accepted = 0
  let rejected = 0
  let after: string | undefined
  for (;;) {
    const page = await deps.log.deadLetters(
      {
        ...(query.source === undefined ? {} : { target: query.source }),
        ...(query.ids === undefined ? {} : { ids: query.ids }),
        ...(after === undefined ? {} : { after }),
        limit: listedAtMost,
      },
      call,
    )
    for (const letters of Map.groupBy(page, ({ target, to }) => `${target.kind} ${target.name} ${to}`).values()) {
      const good = await replayTogether(deps, letters, call)
      accepted += good
      rejected += letters.length - good
    }
    after = page.at(-1)?.id
    if (page.length < listedAtMost) return { replayed: accepted + rejected, accepted, rejected }
  }
}

/** Replays letters of one target and `to` in one record; answers how many are good now. */
async function replayTogether(
  deps: IngestDeps,
  letters: readonly DeadLetter[],
  call: Call | undefined,
): Promise<number> {
  const [first] = letters
  if (first === undefined) return 0
  const schema = await schemaNow(deps, first, call)
  if (schema === undefined || (first.to === 'online' && !schema.online)) return 0
  const now = deps.clock.now()
  const { good, refused } = readRows(
    schema,
    letters.map((letter) => rowOf(letter.row)),
    { now, form: 'json' },
  )
  if (good.length === 0) return 0
  const stillBad = new Set(refused.map((refusal) => refusal.row))
  const replayed = letters.filter((_, i) => !stillBad.has(i)).map((letter) => letter.id)
  // Two replays at once may read the same letters: only one of them counts.
  const hash = createHash('sha256').update(replayed.join('\n')).digest('hex')
  const record: LogRecord = {
    target: first.target,
    to: first.to,
    columns: schema.columns,
    rows: good,
    deadLetters: [],
    replayed,
    idempotency: { key: `provender:replay:${hash}`, atUs: now, bodyHash: hash, answer: '{}' },
  }
  const [appended] = await deps.log.append([record], call)
  if (appended?.kind === 'appended') await writeOnline(deps, record, call)
  return good.length
}

/** The schema of the letters' target now; undefined where there is no such target any more. */
async function schemaNow(
  deps: IngestDeps,
  { target }: DeadLetter,
  call: Call | undefined,
): Promise<PushSchema | undefined> {
  try {
    return await pushSchema(deps, await deps.snapshots.current(call), target, call)
  } catch (thrown) {
    if (isProvenderError(thrown) && thrown.code === 'UNKNOWN_NAME') return undefined
    throw thrown
  }
}
