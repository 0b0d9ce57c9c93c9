import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Where data that takes long to make is kept between runs; `npm run bench -- --clean` removes it. */
export const dataDir = join(tmpdir(), 'provender-bench-data')

/**
 * A file or folder of data, made once: `key` names all that its content depends on. It is made beside its place and then
 * renamed, so that a run that was ended leaves no half of it. `make` must make the same content each time.
 */
export async function dataFile(key: string, make: (path: string) => Promise<void>): Promise<string> {
  const path = join(dataDir, key)
  if (existsSync(path)) return path
  await mkdir(dataDir, { recursive: true })
  const beside = `${path}.${randomUUID()}.tmp`
  try {
    await make(beside)
    await rename(beside, path)
  } finally {
    await rm(beside, { recursive: true, force: true })
  }
  return path
}
