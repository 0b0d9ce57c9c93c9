import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { openPushLog } from '../../src/engines/duckdb/push-log/push-log.ts'
import type { LogLimits } from '../../src/engines/duckdb/push-log/log-limits.ts'
import { pushLogLaws } from '../../src/testing/push-log.ts'

/** As it is shipped; and with every record in a segment of its own that is sealed, merged and deleted at once. */
const settings: readonly (readonly [string, Partial<LogLimits>])[] = [
  ['with its own limits', {}],
  ['sealing and merging all the time', { segmentBytes: 1, sealBytes: 1, mergeFiles: 2, keepReplacedMs: 0 }],
  ['sealing by maintenance only', { sealBytes: 1, groupBytes: 1 }],
]

for (const [name, limits] of settings) {
  describe(`the push log in files, ${name}`, () => {
    for (const { law, run } of pushLogLaws) {
      test(law, async () => {
        const folder = await mkdtemp(join(tmpdir(), 'provender-log-'))
        try {
          await run({ open: () => openPushLog(join(folder, 'log'), limits) })
        } finally {
          await rm(folder, { recursive: true })
        }
      })
    }
  })
}
