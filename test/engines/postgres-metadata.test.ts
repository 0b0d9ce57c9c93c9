import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { describe, inject, onTestFinished, test } from 'vitest'
import { openPostgresMetadata } from '../../src/engines/postgres/metadata.ts'
import { openMetadata } from '../../src/metadata/open.ts'
import { metadataLaws } from '../../src/testing/metadata.ts'

describe('the metadata ports in PostgreSQL', () => {
  for (const { law, run } of metadataLaws) {
    test(law, async () => {
      const url = await newSchema()
      await run({ open: async (clock) => openMetadata(openPostgresMetadata(url), clock) })
    })
  }
})

/** The url of an empty schema, dropped after the test. */
async function newSchema(): Promise<string> {
  const { postgres } = inject('services')
  const schema = `t${randomUUID().replaceAll('-', '')}`
  const ask = async (sql: string): Promise<void> => {
    const client = new pg.Client({ connectionString: postgres })
    await client.connect()
    await client.query(sql)
    await client.end()
  }
  await ask(`create schema ${schema}`)
  onTestFinished(() => ask(`drop schema ${schema} cascade`))
  return `${postgres}?options=-c%20search_path%3D${schema}`
}
