import { stat } from 'node:fs/promises'
import { fail } from '../../kernel/errors.ts'
import type { SpineInput } from '../../ports/offline.ts'

/**
 * Looks at the file of a spine, which is read once to send up what is used, and again to put the answers beside it; answers what looks
 * whether it is still the same. @throws SOURCE_CHANGED naming the file.
 */
export async function lookAtSpine(spine: SpineInput): Promise<() => Promise<void>> {
  if (spine.kind !== 'file') return () => Promise.resolve()
  const { path } = spine
  const before = await identityOf(path)
  return async () => {
    if ((await identityOf(path)) !== before)
      throw fail('SOURCE_CHANGED', `${path} changed while rows were looked up for it`)
  }
}

/** What is not there, or no file, is for those to tell who read it. */
async function identityOf(path: string): Promise<string | null> {
  const found = await stat(path, { bigint: true }).catch(() => null)
  return found?.isFile() === true ? `${found.ino} ${found.size} ${found.mtimeNs}` : null
}
