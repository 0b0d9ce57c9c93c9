import { describe, test } from 'vitest'
import { storeLaws } from 'provender/testing'
import { openEmbeddedStore } from '../support/embedded-store.ts'

describe('the store on DuckDB, LMDB and SQLite', () => {
  for (const { law, run } of storeLaws) test(law, () => run({ open: openEmbeddedStore }))
})
