import { randomUUID } from 'node:crypto'
import { readFile, rename, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { isDead, processOwner } from '../../../kernel/process-owner.ts'
import { type LogFolder, codeOf, deleteFile, freshName, publish } from './log-folder.ts'

/** The lease is renewed this often, */
const renewMs = 10_000
/** and free when it was not renewed for this long. */
const staleMs = 60_000

const holderShape = z.object({
  token: z.string(),
  owner: z.object({ host: z.string(), boot: z.string(), pid: z.number(), startedAt: z.string() }),
})

/**
 * Takes the log's one lease for maintenance; undefined while another process holds it. It only saves double work: what
 * keeps two maintainers from harm is that a manifest takes the place of the one it was made from.
 */
export async function takeMaintenance(folder: LogFolder): Promise<AsyncDisposable | undefined> {
  const path = join(folder.path, 'maintenance.lock')
  const token = randomUUID()
  const content = JSON.stringify({ token, owner: processOwner() })
  if (!(await publish(folder, path, content))) {
    if (!(await isFree(path))) return undefined
    // Moved away, not deleted: of two that find it free, only one moves it.
    const moved = join(folder.unfinished, freshName('maintenance.lock.', ''))
    await rename(path, moved).catch(ignoreMissing)
    await deleteFile(moved)
    if (!(await publish(folder, path, content))) return undefined
  }
  const renewing = setInterval(() => {
    void utimes(path, new Date(), new Date()).catch(() => undefined)
  }, renewMs)
  renewing.unref()
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(renewing)
      if ((await holderOf(path))?.token === token) await deleteFile(path)
    },
  }
}

async function isFree(path: string): Promise<boolean> {
  const facts = await stat(path).catch(ignoreMissing)
  if (facts === undefined || Date.now() - facts.mtimeMs > staleMs) return true
  const holder = await holderOf(path)
  return holder !== undefined && isDead(holder.owner)
}

/** Who holds the lease; undefined where nobody does, or the file is not ours: then only its age counts. */
async function holderOf(path: string): Promise<z.output<typeof holderShape> | undefined> {
  const text = await readFile(path, 'utf8').catch(ignoreMissing)
  try {
    return holderShape.safeParse(JSON.parse(text ?? 'null')).data
  } catch {
    return undefined
  }
}

function ignoreMissing(thrown: unknown): undefined {
  if (codeOf(thrown) !== 'ENOENT') throw thrown
}
