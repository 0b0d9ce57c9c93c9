import { describe, test } from 'vitest'
import { storeLaws } from 'provender/testing'
import { openProductionStore } from '../support/production-store.ts'

describe('the store on PostgreSQL and Redis', () => {
  for (const { law, run } of storeLaws) test(law, () => run({ open: openProductionStore }))
})
