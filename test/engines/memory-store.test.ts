import { describe, test } from 'vitest'
import { storeLaws } from 'provender/testing'
import { openMemoryStore } from '../support/memory-store.ts'

describe('the store on the memory engines', () => {
  for (const { law, run } of storeLaws) test(law, () => run({ open: () => openMemoryStore() }))
})
