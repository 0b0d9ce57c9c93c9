import { describe, test } from 'vitest'
import { memoryPushLog } from '../../src/engines/memory/push-log.ts'
import { pushLogLaws } from '../../src/testing/push-log.ts'

describe('the push log in memory', () => {
  for (const { law, run } of pushLogLaws) {
    test(law, async () => {
      const log = memoryPushLog()
      await run({ open: async () => log.open() })
    })
  }
})
