import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { type ErrorCode, type ProvenderError, fail, isProvenderError } from '../../kernel/errors.ts'

/** Codes of LMDB itself are below −30,000, those of the system are positive or, from Node, names. */
const meanings: ReadonlyMap<unknown, ErrorCode> = new Map<unknown, ErrorCode>([
  ...[28, 122, 27, -30_792, 'ENOSPC', 'EDQUOT', 'EFBIG'].map((code) => [code, 'STORE_FULL'] as const), // −30,792: the map cannot grow
  ...[-30_793, -30_794, -30_796, -30_797, 'ENOTDIR', 'EEXIST', 20].map((code) => [code, 'CORRUPT_STORE'] as const), // no LMDB file, another version, damaged pages, a file where the folder belongs
  ...[-30_790, 'EACCES', 'EPERM', 'EROFS', 'EMFILE', 'ENFILE', 'ENOENT', 13, 1, 30, 24, 23, 12, 2].map(
    (code) => [code, 'STORE_UNREACHABLE'] as const,
  ),
])

/** A disk that is full to the last pages makes LMDB answer with an I/O error. */
const ioError = 5
const fullBelowBytes = 1024 * 1024

/** What lmdb threw, as an error of the table that names the file. What a commit died of comes after the error itself, hence the promise. */
export async function storeFailure(thrown: unknown, file: string): Promise<ProvenderError> {
  if (isProvenderError(thrown)) return thrown
  const cause = await causeOf(thrown)
  const code = codeOf(cause)
  const text = cause instanceof Error ? cause.message : String(cause)
  const meaning =
    code === ioError || code === 'EIO'
      ? isFull(file)
        ? 'STORE_FULL'
        : 'STORE_UNREACHABLE'
      : (meanings.get(code) ?? 'INTERNAL')
  return fail(meaning, `The online store ${file}: ${text}`, { cause })
}

/** Whether lmdb says that all its places for readers are taken, perhaps by processes that were killed. */
export const isReadersFull = (thrown: unknown): boolean => codeOf(thrown) === -30_790

async function causeOf(thrown: unknown): Promise<unknown> {
  if (!(thrown instanceof Error) || !('commitError' in thrown)) return thrown
  // A rejection that nobody handles ends the process; and should it never come, the error itself must do.
  const given = Promise.resolve(thrown.commitError).then(
    () => thrown,
    (cause: unknown) => cause,
  )
  return Promise.race([given, new Promise((resolve) => setTimeout(resolve, 1000, thrown))])
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
}

/** Whether the disk of a file has as good as no room. */
export function isFull(file: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(file))
    return bavail * bsize < fullBelowBytes
  } catch {
    return false
  }
}
