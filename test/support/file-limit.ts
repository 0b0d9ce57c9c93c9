import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { program } from './program.ts'
import { childrenOf, ordinaryUser, parentOf } from './server-process.ts'

const run = promisify(execFile)

/**
 * Lets no file of a process and its children grow beyond so many bytes, as if their disk were full there; undefined: as they like. It needs no
 * file system of its own, which not every machine of CI may mount. Of a write across the limit a part is still written, as on a disk that gets full.
 */
export async function limitFiles(pid: number, bytes: number | undefined): Promise<void> {
  const prlimit = await program('prlimit')
  const limit = async (each: number): Promise<void> =>
    // Whoever it is that they run as may limit them; root of a container often may not.
    run(prlimit, ['--pid', String(each), `--fsize=${bytes ?? 'unlimited'}:`], ordinaryUser()).then(
      () => undefined,
      (thrown: unknown) => {
        if (parentOf(each) !== null) throw thrown
      },
    )
  // First whoever starts others: those that come later have it from there.
  await limit(pid)
  await Promise.all(childrenOf(pid).map(limit))
}
