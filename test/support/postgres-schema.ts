import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { inject, onTestFinished } from 'vitest'

/** The url of an empty schema of the tests' PostgreSQL, dropped after the test. */
export async function newSchema(): Promise<string> {
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
