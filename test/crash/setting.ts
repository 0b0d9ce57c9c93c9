import type { StoreOptions } from '../../src/compose/store.ts'
import { type Seeded, seeded } from '../../src/testing/seeded.ts'
import { type Child, startChild } from './child.ts'
import { History } from './history.ts'
import { type OpenRepository, epoch, makeRepository, openRepository, removeRepository } from './repository.ts'

/** What a test that harms processes begins with. Disposing it kills them and removes the repository. */
export interface Setting extends AsyncDisposable {
  readonly random: Seeded
  readonly opened: OpenRepository
  readonly history: History
  /** Starts a program of this folder on the repository, as a process of its own. */
  readonly start: (program: string, ...words: readonly string[]) => Child
}

/** A new repository, opened by this process, whose source has these files. CRASH_SEED repeats a test. */
export async function openSetting(
  files: readonly string[],
  { now = epoch, ...options }: Omit<StoreOptions, 'clock'> & { readonly now?: bigint } = {},
): Promise<Setting> {
  const seed = Number(process.env['CRASH_SEED'] ?? Date.now() % 1_000_000)
  console.log(`seed ${seed}`)
  const random = seeded(seed)
  const undo = new AsyncDisposableStack()
  const dir = makeRepository()
  undo.defer(() => removeRepository(dir))
  const opened = undo.use(await openRepository(dir, now, options))
  const history = new History(dir, random)
  for (const name of files) history.writeFile(name, epoch)
  return {
    random,
    opened,
    history,
    start: (program, ...words) => undo.use(startChild(program, dir, ...words)),
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  }
}
