import { describe, test } from 'vitest'
import { openPostgresMetadata } from '../../src/engines/postgres/metadata.ts'
import { openMetadata } from '../../src/metadata/open.ts'
import { metadataLaws } from '../../src/testing/metadata.ts'
import { newSchema } from '../support/postgres-schema.ts'

describe('the metadata ports in PostgreSQL', () => {
  for (const { law, run } of metadataLaws) {
    test(law, async () => {
      const url = await newSchema()
      await run({ open: async (clock) => openMetadata(openPostgresMetadata(url), clock) })
    })
  }
})
