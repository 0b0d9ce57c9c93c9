import { statfsSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname } from 'node:path'
import { type ErrorCode, type ProvenderError, fail, isProvenderError } from '../../kernel/errors.ts'

const { errno } = constants

/** Codes of LMDB itself, which it numbers below −30,000. */
const mdb = Object.freeze({
  readersFull: -30_790,
  mapFull: -30_792,
  invalid: -30_793,
  versionMismatch: -30_794,
  corrupted: -30_796,
  pageNotFound: -30_797,
})

/** What codes mean: of LMDB, of the system by number (from lmdb) and by name (from Node). */
const meanings: ReadonlyMap<unknown, ErrorCode> = new Map<unknown, ErrorCode>([
  // A write that is cut short, as by a full disk, a quota or a limit on files, is an I/O error to LMDB.
  ...all('STORE_FULL', mdb.mapFull, 'ENOSPC', 'EDQUOT', 'EFBIG', 'EIO'),
  ...all('CORRUPT_STORE', mdb.invalid, mdb.versionMismatch, mdb.corrupted, mdb.pageNotFound, 'ENOTDIR', 'EEXIST'),
  ...all('STORE_UNREACHABLE', mdb.readersFull, 'EACCES', 'EPERM', 'EROFS', 'EMFILE', 'ENFILE', 'ENOENT', 'ENOMEM'),
])

function all(meaning: ErrorCode, ...codes: readonly (number | keyof typeof errno)[]): [unknown, ErrorCode][] {
  return codes
    .flatMap((code): unknown[] => (typeof code === 'number' ? [code] : [code, errno[code]]))
    .map((code) => [code, meaning])
}

/** What lmdb threw, as an error of the table that names the file. What a commit died of comes after the error itself, hence the promise. */
export async function storeFailure(thrown: unknown, file: string): Promise<ProvenderError> {
  if (isProvenderError(thrown)) return thrown
  const cause = await causeOf(thrown)
  const text = cause instanceof Error ? cause.message : String(cause)
  return fail(meanings.get(codeOf(cause)) ?? 'INTERNAL', `The online store ${file}: ${text}`, { cause })
}

/** Whether lmdb says that all its places for readers are taken, perhaps by processes that were killed. */
export const isReadersFull = (thrown: unknown): boolean => codeOf(thrown) === mdb.readersFull

async function causeOf(thrown: unknown): Promise<unknown> {
  if (!(thrown instanceof Error) || !('commitError' in thrown)) return thrown
  // A rejection that nobody handles ends the process; and should it never come, the error itself must do.
  const given = Promise.resolve(thrown.commitError).then(
    () => thrown,
    (cause: unknown) => cause,
  )
  return Promise.race([given, new Promise((resolve) => void setTimeout(resolve, 1000, thrown).unref())])
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
}

/** Below this a disk has as good as no room: opening alone touches some pages. */
const fullBelowBytes = 1024 * 1024

/** Whether the disk of a file has as good as no room. */
export function isFull(file: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(file))
    return bavail * bsize < fullBelowBytes
  } catch {
    return false
  }
}
