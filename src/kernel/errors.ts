import { type ErrorCode, errorTable } from './error-table.ts'

export { type ErrorCode, type ErrorRow, errorTable, isErrorCode } from './error-table.ts'

/** What an error says beyond its code and detail. */
export interface ErrorFacts {
  /** A JSON pointer into the request, or `file:line:col` relative to the repository. */
  readonly at?: string | undefined
  /** What to do next, better than the table's. */
  readonly remedy?: string | undefined
  /** All single errors, where this one stands for several. */
  readonly errors?: readonly ProvenderError[] | undefined
  /** Source lines with a marker under the place, for people. */
  readonly excerpt?: string | undefined
  readonly cause?: unknown
}

/** The wire form of an error: `application/problem+json`. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: ErrorCode
  readonly remedy: string
  readonly at?: string
  readonly errors?: readonly Problem[]
}

const mark = Symbol.for('provender.error')

/** Every operating error of Provender; recognise it by `isProvenderError` and `code`, not by class. */
export class ProvenderError extends Error {
  override readonly name = 'ProvenderError'
  readonly [mark] = true
  readonly code: ErrorCode
  readonly at: string | undefined
  readonly remedy: string
  readonly errors: readonly ProvenderError[]
  readonly excerpt: string | undefined

  constructor(code: ErrorCode, detail: string, facts: ErrorFacts = {}) {
    super(detail, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.code = code
    this.at = facts.at
    this.remedy = facts.remedy ?? errorTable[code].remedy
    this.errors = facts.errors ?? []
    this.excerpt = facts.excerpt
  }

  get status(): number {
    return errorTable[this.code].status
  }

  get exit(): number {
    return errorTable[this.code].exit
  }

  get retryable(): boolean {
    return errorTable[this.code].retryable
  }

  /** The problem document of this error and all that it stands for. */
  toProblem(): Problem {
    return {
      type: `https://provender.dev/errors/${this.code}`,
      title: errorTable[this.code].title,
      status: this.status,
      detail: this.message,
      code: this.code,
      remedy: this.remedy,
      ...(this.at === undefined ? {} : { at: this.at }),
      ...(this.errors.length === 0 ? {} : { errors: this.errors.map((e) => e.toProblem()) }),
    }
  }
}

/** Makes an error of the table: what happened, to which named thing. Throw what it returns. */
export function fail(code: ErrorCode, detail: string, facts?: ErrorFacts): ProvenderError {
  return new ProvenderError(code, detail, facts)
}

/** One error for several: the error itself if it is alone, else the first one's code with all listed. */
export function failAll(errors: readonly ProvenderError[]): ProvenderError {
  const [first] = errors
  if (first === undefined) throw new Error('failAll needs at least one error')
  if (errors.length === 1) return first
  return new ProvenderError(first.code, `${errors.length} errors; the first: ${first.message}`, {
    at: first.at,
    remedy: first.remedy,
    errors,
  })
}

/** Whether something thrown is an error of Provender, even from a second copy of the package. */
export function isProvenderError(thrown: unknown): thrown is ProvenderError {
  return typeof thrown === 'object' && thrown !== null && mark in thrown
}

/** Any thrown thing as an error of the table; what is unknown becomes INTERNAL with its cause kept. */
export function asProvenderError(thrown: unknown): ProvenderError {
  if (isProvenderError(thrown)) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  if (thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOSPC' || thrown.code === 'EDQUOT'))
    return new ProvenderError('STORE_FULL', message, { cause: thrown })
  return new ProvenderError('INTERNAL', message, { cause: thrown })
}
