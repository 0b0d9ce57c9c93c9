import { describe, test } from 'vitest'
import { openPostgresPushLog } from '../../src/engines/postgres/push-log.ts'
import { pushLogLaws } from '../../src/testing/push-log.ts'
import { newSchema } from '../support/postgres-schema.ts'

describe('the push log in PostgreSQL', () => {
  for (const { law, run } of pushLogLaws) {
    test(law, async () => {
      const url = await newSchema()
      await run({ open: async () => openPostgresPushLog(url) })
    })
  }
})
