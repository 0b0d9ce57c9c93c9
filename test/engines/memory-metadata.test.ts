import { describe, test } from 'vitest'
import { memoryMetadataStore, openMemoryMetadata } from '../../src/engines/memory/metadata.ts'
import { metadataLaws } from '../../src/testing/metadata.ts'

describe('the metadata ports in memory', () => {
  for (const { law, run } of metadataLaws) {
    test(law, async () => {
      const store = memoryMetadataStore()
      await run({ open: async (clock) => openMemoryMetadata(store, clock) })
    })
  }
})
