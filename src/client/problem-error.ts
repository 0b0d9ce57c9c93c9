import { type ErrorCode, type ProvenderError, fail, isErrorCode } from '../kernel/errors.ts'

/** What stands for a code that this release does not know: an error of the same kind. */
function codeOf(code: unknown, status: number): ErrorCode {
  if (typeof code === 'string' && isErrorCode(code)) return code
  if (status === 404) return 'UNKNOWN_NAME'
  if (status === 413) return 'PAYLOAD_TOO_LARGE'
  if (status === 429 || status === 503) return 'STORE_UNREACHABLE'
  if (status === 504) return 'DEADLINE_EXCEEDED'
  return status >= 500 ? 'INTERNAL' : 'BAD_REQUEST'
}

/** The error that a problem document tells of; undefined where it is none. */
export function errorOfProblem(problem: unknown): ProvenderError | undefined {
  if (typeof problem !== 'object' || problem === null) return undefined
  const { code, status, detail, at, remedy, errors } = problem as Readonly<Record<string, unknown>>
  if (typeof code !== 'string' || typeof detail !== 'string') return undefined
  const known = codeOf(code, typeof status === 'number' ? status : 500)
  return fail(known, known === code ? detail : `${code}: ${detail}`, {
    ...(typeof at === 'string' ? { at } : {}),
    ...(typeof remedy === 'string' ? { remedy } : {}),
    errors: Array.isArray(errors) ? errors.flatMap((each) => errorOfProblem(each) ?? []) : [],
  })
}

/** The same error, and all that it stands for, with other places. */
export function placed(error: ProvenderError, placeOf: (at: string) => string): ProvenderError {
  return fail(error.code, error.message, {
    ...(error.at === undefined ? {} : { at: placeOf(error.at) }),
    remedy: error.remedy,
    errors: error.errors.map((each) => placed(each, placeOf)),
    cause: error,
  })
}
