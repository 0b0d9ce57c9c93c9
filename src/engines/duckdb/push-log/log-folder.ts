import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { link, mkdir, open, readdir, unlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type ProvenderError, fail, isProvenderError } from '../../../kernel/errors.ts'

/** Where the parts of a log lie. */
export interface LogFolder {
  readonly path: string
  /** What was appended, as it came. */
  readonly segments: string
  /** Sealed rows as Parquet. */
  readonly rows: string
  /** What is still needed of sealed segments beside rows: idempotency keys and dead letters. */
  readonly checkpoints: string
  /** Numbered; the newest one says what counts. */
  readonly manifests: string
  /** Files that are not finished, and what DuckDB spills. */
  readonly unfinished: string
}

/** The folder of a log, made where it is missing. @throws STORE_UNREACHABLE, STORE_FULL. */
export async function makeLogFolder(path: string): Promise<LogFolder> {
  const folder: LogFolder = {
    path,
    segments: join(path, 'segments'),
    rows: join(path, 'rows'),
    checkpoints: join(path, 'checkpoints'),
    manifests: join(path, 'manifests'),
    unfinished: join(path, 'unfinished'),
  }
  await reaching(path, async () => {
    for (const each of [folder.segments, folder.rows, folder.checkpoints, folder.manifests, folder.unfinished])
      await mkdir(each, { recursive: true })
  })
  return folder
}

const digits = 8

/** The name of a numbered file; names sort as numbers do. */
export const numberedName = (number: number, suffix: string): string =>
  `${String(number).padStart(digits, '0')}${suffix}`

/** The numbers of a folder's files of one suffix, ascending. */
export async function numbersIn(folder: string, suffix: string): Promise<number[]> {
  const names = await readdir(folder)
  return names
    .filter((name) => name.endsWith(suffix) && /^\d+$/.test(name.slice(0, -suffix.length)))
    .map((name) => Number(name.slice(0, -suffix.length)))
    .toSorted((a, b) => a - b)
}

export const segmentPath = (folder: LogFolder, number: number): string =>
  join(folder.segments, numberedName(number, '.log'))

/** A new name in a folder that no file ever had. */
export const freshName = (prefix: string, suffix: string): string =>
  `${prefix}${randomBytes(6).toString('hex')}${suffix}`

/** Makes what a folder lists durable. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Makes a file that another program wrote durable. */
export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Puts a whole file in its place, durable, unless one of that name is there; answers whether it did. */
export async function publish(folder: LogFolder, path: string, content: string): Promise<boolean> {
  const unfinished = join(folder.unfinished, freshName(`${basename(path)}.`, ''))
  try {
    const handle = await open(unfinished, 'wx')
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await link(unfinished, path)
    await syncFolder(join(path, '..'))
    return true
  } catch (thrown) {
    if (codeOf(thrown) === 'EEXIST') return false
    throw thrown
  } finally {
    await unlink(unfinished).catch(() => undefined)
  }
}

/** Deletes a file; one that is gone already is no fault. */
export async function deleteFile(path: string): Promise<void> {
  await unlink(path).catch((thrown: unknown) => {
    if (codeOf(thrown) !== 'ENOENT') throw thrown
  })
}

/** The system's code of a failure, such as ENOSPC. */
export function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined
}

const full = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** A failure of the file system or of DuckDB as an error of the table: STORE_FULL, STORE_UNREACHABLE, CORRUPT_STORE, INTERRUPTED. */
export function storeFailure(thrown: unknown, path: string): ProvenderError {
  if (isProvenderError(thrown)) return thrown
  const code = codeOf(thrown)
  const message = (thrown instanceof Error ? thrown.message : String(thrown)).split('\n\n')[0] ?? ''
  if (
    (code !== undefined && full.has(code)) ||
    /No space left on device|Disk quota exceeded|^Out of Memory Error/i.test(message)
  ) {
    return fail('STORE_FULL', `No room for the push log in ${path}: ${message}`, { cause: thrown })
  }
  if (code === 'ENOENT' && existsSync(join(path, 'manifests')))
    return fail('CORRUPT_STORE', `A file of the push log in ${path} is missing: ${message}`, { cause: thrown })
  if (code !== undefined)
    return fail('STORE_UNREACHABLE', `The push log in ${path} cannot be used: ${message}`, { cause: thrown })
  if (message.startsWith('INTERRUPT Error'))
    return fail('INTERRUPTED', 'The reading of the push log was interrupted', { cause: thrown })
  if (/^(IO|Invalid Input|Serialization) Error|parquet|thrift|zstd/i.test(message))
    return fail('CORRUPT_STORE', `A file of the push log in ${path} cannot be read: ${message}`, { cause: thrown })
  return fail('INTERNAL', message, { cause: thrown })
}

/** Runs what uses the log's files; its failures become errors of the table. */
export async function reaching<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    throw storeFailure(thrown, path)
  }
}
