import { describe, onTestFinished, test } from 'vitest'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqlite } from '../../src/engines/sqlite/open.ts'
import { openMetadata } from '../../src/metadata/open.ts'
import { metadataLaws } from '../../src/testing/metadata.ts'

describe('the metadata ports in SQLite', () => {
  for (const { law, run } of metadataLaws) {
    test(law, async () => {
      const dir = mkdtempSync(join(tmpdir(), 'provender-'))
      onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
      const file = join(dir, 'a new folder', 'metadata.db')
      await run({ open: async (clock) => openMetadata(await openSqlite(file), clock) })
    })
  }
})
