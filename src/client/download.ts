import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { rowsHeader } from '../contract/wire-names.ts'
import { type ProvenderError, asProvenderError, fail, isProvenderError } from '../kernel/errors.ts'
import { strange } from './answer.ts'
import { type CallEnd, tooLate } from './call-end.ts'
import type { Caller } from './caller.ts'
import { unreachable } from './connection.ts'
import type { TableRequest } from './table.ts'

const parquetType = 'application/vnd.apache.parquet'

/**
 * Asks for a table as Parquet and writes it to a file, whole or not at all, as it comes.
 * @returns the number of rows.
 * @throws BAD_REQUEST where the file cannot be written; STORE_FULL; as `Caller.open`.
 */
export async function download(
  caller: Caller,
  { name, said }: Pick<TableRequest, 'name' | 'said'>,
  end: CallEnd,
  path: string,
): Promise<number> {
  const beside = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString('hex')}.tmp`)
  // Before anything is computed for a file that cannot be.
  const file = await open(beside, 'wx').catch((thrown: unknown) => {
    throw unwritable(path, thrown)
  })
  try {
    end.wait()
    const answer = await caller.open(name, { ...said, media: parquetType }, end)
    const rows = Number(answer.headers[rowsHeader] ?? 'none')
    if (!Number.isSafeInteger(rows)) throw strange(caller.url, `its Parquet comes without ${rowsHeader}`)
    try {
      end.pause()
      // A file is written as fast as it comes: if nothing comes, it is the server who is slow.
      const { silenceMs } = end
      if (silenceMs !== undefined) answer.setTimeout(silenceMs, () => answer.destroy(tooLate(silenceMs)))
      await pipeline(answer, createWriteStream(beside, { fd: file }))
    } catch (thrown) {
      throw end.reason ?? (isOfFile(thrown) ? unwritable(path, thrown) : brokenOff(caller.url, thrown))
    }
    await rename(beside, path).catch((thrown: unknown) => {
      throw unwritable(path, thrown)
    })
    return rows
  } finally {
    await file.close().catch(() => undefined)
    await rm(beside, { force: true })
  }
}

const brokenOff = (url: URL, thrown: unknown): ProvenderError =>
  isProvenderError(thrown) ? thrown : unreachable(url, thrown)

const isOfFile = (thrown: unknown): boolean =>
  thrown instanceof Error && 'syscall' in thrown && thrown.syscall === 'write'

function unwritable(path: string, thrown: unknown): ProvenderError {
  const error = asProvenderError(thrown)
  if (isProvenderError(thrown) || error.code === 'STORE_FULL') return error
  return fail('BAD_REQUEST', `${path} cannot be written: ${error.message}`, { cause: thrown })
}
