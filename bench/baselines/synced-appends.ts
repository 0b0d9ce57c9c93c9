import { mkdtemp, open as openFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const bytesOfRow = 120

/** Callers append their rows to one file, and each syncs it by itself before it goes on. */
export async function open(): Promise<{ run(argument: unknown): Promise<Record<string, number>> }> {
  return {
    run: async (argument) => {
      const { callers, rows, seconds } = argument as { callers: number; rows: number; seconds: number }
      const dir = await mkdtemp(join(tmpdir(), 'provender-bench-'))
      const handle = await openFile(join(dir, 'log'), 'a')
      const bytes = Buffer.alloc(bytesOfRow * rows, 7)
      const startedMs = performance.now()
      let pushes = 0
      const call = async (): Promise<void> => {
        while (performance.now() - startedMs < seconds * 1000) {
          await handle.write(bytes)
          await handle.datasync()
          pushes++
        }
      }
      try {
        await Promise.all(Array.from({ length: callers }, call))
        return { pushes: pushes / ((performance.now() - startedMs) / 1000) }
      } finally {
        await handle.close()
        await rm(dir, { recursive: true, force: true })
      }
    },
  }
}
