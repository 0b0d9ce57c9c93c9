import { randomBytes } from 'node:crypto'
import type { PushAnswer, PushOptions, Store } from '../contract/store.ts'
import { type ProvenderError, fail, isProvenderError } from '../kernel/errors.ts'
import { isErrorCode } from '../kernel/error-table.ts'
import type { FeatureType } from '../values/feature-type.ts'
import { given, newCommand } from './command.ts'
import { counted, numberText } from './number-text.ts'
import { pushTypes } from './push-types.ts'
import { type RowChunk, formatOf, readRows } from './read-rows.ts'
import type { Session } from './session.ts'

const destinations = ['both', 'online', 'offline'] as const

/** `push`: rows of a file into a view or a source, in calls of their own that can be resumed. */
export function pushCommand(session: Session) {
  return newCommand('push')
    .description('Write rows to a view, or to a source and so to every view over it.')
    .argument('<target>', 'a view or a source')
    .argument('<file>', 'rows as JSON lines, CSV or Parquet, by the name; - for stdin')
    .option(
      '--to <where>',
      'both, online (no history for training) or offline (online with the next materialization)',
      destinationOf,
    )
    .option('--format <format>', 'jsonl, csv or parquet')
    .option(
      '--idempotency-key <key>',
      'rows pushed with this key in the last 24 h are not pushed again: resumes a push',
    )
    .addHelpText(
      'after',
      `\nExample:\n  echo '{"airport":"ORD","late_rate_3h":0.4,"tick":"2001-06-30T12:00:00Z"}' | provender push airport_delays -`,
    )
    .action(async (target, file, { to, format: named, idempotencyKey }) => {
      const format = formatOf(file, named)
      const key = idempotencyKey ?? randomBytes(9).toString('base64url')
      if (file !== '-' && idempotencyKey === undefined) session.resume += ` --idempotency-key ${key}`
      const store = await session.store()
      const types = format === 'csv' ? pushTypes(await session.head(store), target) : new Map<string, FeatureType>()
      const pushing = new Pushing(store, target, { ...session.call, ...given({ to }) })
      try {
        for await (const chunk of readRows(file, format, types)) await pushing.push(chunk, key)
      } catch (thrown) {
        throw pushing.calls > 0 && isProvenderError(thrown)
          ? stopped(thrown, { pushing, resume: session.resume, canResume: file !== '-' })
          : thrown
      }
      if (pushing.kept === 0 && pushing.refusal !== undefined) throw pushing.refusal
      if (pushing.kept === 0 && pushing.calls === 0)
        throw fail('BAD_REQUEST', `${file === '-' ? 'stdin' : file} holds no rows`)
      const { rejected } = pushing
      await session.print({
        json: pushing.answer(),
        text: () => pushing.text(),
        next:
          rejected.length > 0
            ? `provender dead-letters --source ${target}`
            : to === 'offline'
              ? 'provender materialize'
              : `provender show ${target}`,
      })
    })
}

function destinationOf(text: string): (typeof destinations)[number] {
  const found = destinations.find((each) => each === text)
  if (found === undefined) throw fail('USAGE', `--to is both, online or offline, not "${text}"`)
  return found
}

/** One push over all its calls. */
class Pushing {
  readonly #store: Store
  readonly #target: string
  readonly #options: PushOptions
  #accepted = 0
  #superseded = 0
  #rows = 0
  readonly rejected: { row: number; code: string; detail: string; line: number }[] = []
  calls = 0
  /** What the store said of a call without one good row. */
  refusal: ProvenderError | undefined

  constructor(store: Store, target: string, options: PushOptions) {
    this.#store = store
    this.#target = target
    this.#options = options
  }

  get kept(): number {
    return this.#accepted + this.#superseded
  }

  async push({ rows, lines }: RowChunk, key: string): Promise<void> {
    const answer = await this.#call(rows, `${key}-${this.calls}`)
    this.calls++
    this.#accepted += answer.accepted
    this.#superseded += answer.superseded
    for (const { row, code, detail } of answer.rejected)
      this.rejected.push({ row: this.#rows + row, code, detail, line: lines[row] ?? 0 })
    this.#rows += rows.length
  }

  /** A call whose rows are all bad is refused as a whole; for a file of many calls these are rejected rows like others. */
  async #call(rows: RowChunk['rows'], idempotencyKey: string): Promise<PushAnswer> {
    try {
      return await this.#store.push(this.#target, rows, { ...this.#options, idempotencyKey })
    } catch (thrown) {
      if (!isProvenderError(thrown) || !isOfRows(thrown)) throw thrown
      this.refusal ??= thrown
      const known = new Map(reasonsOf(thrown).map((error) => [rowOf(error), error]))
      const rejected = rows.map((_, row) => ({
        row,
        code: (known.get(row) ?? thrown).code,
        detail: known.get(row)?.message ?? 'It was refused; its dead letter says why',
      }))
      return { accepted: 0, superseded: 0, rejected }
    }
  }

  answer(): PushAnswer {
    return {
      accepted: this.#accepted,
      superseded: this.#superseded,
      rejected: this.rejected.map(({ row, code, detail }) => ({ row, code, detail })),
    }
  }

  text(): string {
    const shown = this.rejected
      .slice(0, maxShownRows)
      .map(({ line, code, detail }) => `  line ${line}: ${code} ${detail}\n`)
    const more =
      this.rejected.length > shown.length ? `  … and ${numberText(this.rejected.length - shown.length)} more\n` : ''
    return `${counted(this.#rows, 'row')}: ${numberText(this.#accepted)} accepted, ${numberText(this.#superseded)} superseded, ${numberText(this.rejected.length)} rejected\n${shown.join('')}${more}`
  }
}

const maxShownRows = 10

const reasonsOf = (error: ProvenderError): readonly ProvenderError[] =>
  error.errors.length === 0 ? [error] : error.errors

/** Whether an error is about rows: each has the place of one. */
const isOfRows = (error: ProvenderError): boolean =>
  isErrorCode(error.code) && reasonsOf(error).every((each) => rowOf(each) !== undefined)

function rowOf({ at }: ProvenderError): number | undefined {
  const match = /^\/rows\/(\d+)(?:\/|$)/.exec(at ?? '')
  return match?.[1] === undefined ? undefined : Number(match[1])
}

/** An error after some calls were answered: what they wrote stays, and the rest can be pushed later. */
function stopped(
  error: ProvenderError,
  { pushing, resume, canResume }: { readonly pushing: Pushing; readonly resume: string; readonly canResume: boolean },
): ProvenderError {
  const remedy = canResume
    ? `What was pushed stays. When the cause is gone, resume with  ${resume}`
    : `What was pushed stays. ${error.remedy}`
  return fail(error.code, `${error.message} (after ${counted(pushing.kept, 'row')} were pushed)`, {
    at: error.at,
    errors: error.errors,
    excerpt: error.excerpt,
    cause: error,
    remedy,
  })
}
