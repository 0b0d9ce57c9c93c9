import type { CallOptions, Store } from '../contract/store.ts'
import { canonicalJson, toWire } from '../define/wire.ts'
import { loadRepository } from '../definitions/load-files.ts'
import { counted } from './number-text.ts'

/**
 * What to say when the definition files are not what the registry holds; undefined when they are. Never fails: a command that
 * does not need the files must not end because of them.
 */
export async function driftOf(dir: string, store: Store, call: CallOptions): Promise<string | undefined> {
  try {
    const [files, head] = await Promise.all([loadRepository(dir), store.registry(undefined, call)])
    const used = `registry version ${head.version}, which this command used`
    if (files.errors.length > 0)
      return `The definition files have ${counted(files.errors.length, 'error')} and differ from ${used}. See: provender validate`
    if (canonicalJson(toWire(files.definitions)) === canonicalJson(head.definitions)) return undefined
    if (head.version === 0) return 'Nothing has been applied yet. See: provender plan'
    return `The definition files differ from ${used}. See: provender plan`
  } catch {
    return undefined
  }
}
