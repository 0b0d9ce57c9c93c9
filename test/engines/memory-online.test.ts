import { describe, test } from 'vitest'
import { memoryOnline } from '../../src/engines/memory/online.ts'
import { onlineLaws } from '../../src/testing/online.ts'

describe('the online store in memory', () => {
  for (const { law, run } of onlineLaws) {
    test(law, async () => {
      const store = memoryOnline()
      await run({
        open: async () => store.open(),
        backup: async () => {
          const image = store.snapshot()
          return async () => store.restore(image)
        },
      })
    })
  }
})
