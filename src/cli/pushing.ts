import type { PushAnswer, PushOptions, Store } from '../contract/store.ts'
import { type ProvenderError, isProvenderError } from '../kernel/errors.ts'
import { counted, numberText } from './number-text.ts'
import type { RowChunk } from './read-rows.ts'

/** One push over all its calls. */
export class Pushing {
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
const isOfRows = (error: ProvenderError): boolean => reasonsOf(error).every((each) => rowOf(each) !== undefined)

function rowOf({ at }: ProvenderError): number | undefined {
  const match = /^\/rows\/(\d+)(?:\/|$)/.exec(at ?? '')
  return match?.[1] === undefined ? undefined : Number(match[1])
}
