import { type ProvenderError, asProvenderError, fail } from '../kernel/errors.ts'
import { stringifyExact } from '../codecs/exact-json.ts'
import { serverLimits } from './server-limits.ts'

/** An error as it is answered: its status, its own headers, and the problem document. */
export interface ProblemReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** What a problem document says beside its error, and what it must not say. */
export interface ProblemTerms {
  readonly members?: Readonly<Record<string, unknown>>
  /** The repository's folder: files are told relative to it, wherever it lies on the server. */
  readonly dir?: string
}

/** The answer that an error is. What only a fault in Provender can say stays in the log. */
export function problemReply(error: ProvenderError, { members = {}, dir }: ProblemTerms = {}): ProblemReply {
  const problem =
    error.code === 'INTERNAL'
      ? { ...error.toProblem(), detail: 'Something that Provender did not foresee; the log of the server says what' }
      : error.toProblem()
  const headers: Record<string, string> = { 'cache-control': 'no-store' }
  if (error.status === 503) headers['retry-after'] = String(serverLimits.retryAfterSeconds)
  const text = stringifyExact({ ...problem, ...members })
  return {
    status: error.status,
    headers,
    text: dir === undefined ? text : text.replaceAll(`${JSON.stringify(dir).slice(1, -1)}/`, ''),
  }
}

/** Anything thrown while a request was answered, as an error of the table: the framework's own errors too. */
export function errorOf(thrown: unknown): ProvenderError {
  const code = thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : ''
  switch (code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return fail('UNSUPPORTED_MEDIA_TYPE', 'The content type cannot be read', {
        cause: thrown,
        remedy: 'Send application/json.',
      })
    case 'FST_ERR_BAD_URL':
      return fail('BAD_REQUEST', 'The path holds a percent sign that escapes nothing', {
        cause: thrown,
        remedy: 'Encode the path as RFC 3986 says.',
      })
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return fail('BAD_REQUEST', `A segment of the path is longer than ${serverLimits.segmentChars} characters`, {
        cause: thrown,
      })
    default:
      return asProvenderError(thrown)
  }
}
