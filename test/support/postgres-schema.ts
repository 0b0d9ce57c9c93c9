import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { inject, onTestFinished } from 'vitest'

/** An empty schema of the tests' PostgreSQL, dropped with its disposal. */
export interface OwnSchema extends AsyncDisposable {
  readonly url: string
}

/** Makes an empty schema. */
export async function openSchema(): Promise<OwnSchema> {
  const { postgres } = inject('services')
  const schema = `t${randomUUID().replaceAll('-', '')}`
  const ask = async (sql: string): Promise<void> => {
    const client = new pg.Client({ connectionString: postgres })
    await client.connect()
    await client.query(sql)
    await client.end()
  }
  await ask(`create schema ${schema}`)
  return {
    url: `${postgres}?options=-c%20search_path%3D${schema}`,
    [Symbol.asyncDispose]: () => ask(`drop schema ${schema} cascade`),
  }
}

/** The url of an empty schema of the tests' PostgreSQL, dropped after the test. */
export async function newSchema(): Promise<string> {
  const schema = await openSchema()
  onTestFinished(() => schema[Symbol.asyncDispose]())
  return schema.url
}
