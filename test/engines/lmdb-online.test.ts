import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { openLmdbOnline } from '../../src/engines/lmdb/online.ts'
import { onlineLaws } from '../../src/testing/online.ts'

describe('the online store on LMDB', () => {
  for (const { law, run } of onlineLaws) {
    test(law, async () => {
      const home = mkdtempSync(join(tmpdir(), 'provender-lmdb-'))
      const folder = join(home, 'online')
      try {
        await run({
          open: async () => openLmdbOnline(folder),
          backup: async () => {
            const copy = join(home, 'copy')
            cpSync(folder, copy, { recursive: true })
            return async () => {
              renameSync(folder, join(home, 'replaced'))
              renameSync(copy, folder)
            }
          },
        })
      } finally {
        rmSync(home, { recursive: true, force: true })
      }
    })
  }
})
