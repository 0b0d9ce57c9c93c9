import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { expect, test } from 'vitest'
import { newSchema } from '../support/postgres-schema.ts'

const run = promisify(execFile)
const applier = join(import.meta.dirname, '../support/metadata-applier.ts')

const processes = 20
const commitsEach = 4

test('20 processes open an empty database and apply at once: one schema, one winner of each version, nobody lost', async () => {
  const url = await newSchema()
  const answers = await Promise.all(
    Array.from({ length: processes }, (_, n) =>
      run(process.execPath, [applier, url, `applier ${n}`, String(commitsEach)]),
    ),
  )
  const won = answers.map(({ stdout }) => stdout.trim().split('\n').map(Number))
  for (const versions of won) expect(versions.length).toBe(commitsEach)
  const all = won.flat().toSorted((a, b) => a - b)
  expect(all).toEqual(Array.from({ length: processes * commitsEach }, (_, i) => i + 1))
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<Record<string, unknown>>(
    'select version, parent, author from registry_version order by version',
  )
  await client.end()
  const author = new Map(won.flatMap((versions, n) => versions.map((version) => [version, `applier ${n}`] as const)))
  expect(rows).toEqual(all.map((version) => ({ version, parent: version - 1, author: author.get(version) })))
})
