import { asProvenderError, fail, isProvenderError, type ProvenderError } from '../../kernel/errors.ts'

// SQLite's primary result codes; an extended code holds its primary one in the lowest byte.
const code = Object.freeze({
  busy: 5,
  locked: 6,
  readonly: 8,
  io: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
})
/** A read past the end of the file: it was cut off. */
const shortRead = 522

/** What the system says where the file's folder cannot be made or looked into. */
const folderFaults: ReadonlySet<unknown> = new Set(['EACCES', 'EEXIST', 'ENOENT', 'ENOTDIR', 'EPERM', 'EROFS'])

const unreachable = (file: string, thrown: Error): ProvenderError =>
  fail('STORE_UNREACHABLE', `${file} cannot be read and written: ${thrown.message}`, {
    cause: thrown,
    remedy: 'Check that the file and its folder exist and may be written, and that the disk works.',
  })

/** What a failure of `node:sqlite` on `file` means: `busy` = another process writes, try again; else the error to throw. */
export function explainSqlite(file: string, thrown: unknown): 'busy' | ProvenderError {
  if (isProvenderError(thrown)) return thrown
  if (!(thrown instanceof Error) || !('code' in thrown)) return asProvenderError(thrown)
  if (folderFaults.has(thrown.code)) return unreachable(file, thrown)
  if (thrown.code === 'ERR_INVALID_STATE') return fail('CLOSED', `${file} is closed`, { cause: thrown })
  if (thrown.code !== 'ERR_SQLITE_ERROR' || !('errcode' in thrown) || typeof thrown.errcode !== 'number')
    return asProvenderError(thrown)
  if (thrown.errcode === shortRead) return corrupt(file, thrown)
  switch (thrown.errcode & 0xff) {
    case code.busy:
    case code.locked:
      return 'busy'
    case code.corrupt:
    case code.notADatabase:
      return corrupt(file, thrown)
    case code.full:
      return fail('STORE_FULL', `${file} cannot grow: ${thrown.message}`, { cause: thrown })
    case code.readonly:
    case code.io:
    case code.cannotOpen:
      return unreachable(file, thrown)
    default:
      return asProvenderError(thrown)
  }
}

/** The error of a file that holds something else, or not all of itself. */
export const corrupt = (file: string, cause?: Error): ProvenderError =>
  fail(
    'CORRUPT_STORE',
    `${file} is not a whole metadata store of Provender${cause === undefined ? '' : `: ${cause.message}`}`,
    { cause },
  )
