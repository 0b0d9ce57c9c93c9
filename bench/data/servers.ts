import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { startPostgres } from '../../test/support/postgres-server.ts'
import { startRedis } from '../../test/support/redis-server.ts'

/** A server that a bench uses, and where it answers. */
export interface Place extends AsyncDisposable {
  readonly url: string
}

/** What a server of some size is given; the tests' own are small. */
const settings = Object.freeze({
  shared_buffers: '1GB',
  work_mem: '256MB',
  maintenance_work_mem: '512MB',
  max_wal_size: '8GB',
})

/** An empty schema of PostgreSQL: of the server that PROVENDER_TEST_POSTGRES names, else of one of our own. */
export async function postgresPlace(): Promise<Place> {
  const named = process.env['PROVENDER_TEST_POSTGRES']
  await using owned = new AsyncDisposableStack()
  const url = named ?? owned.use(await startPostgres(settings)).url
  const schema = `bench_${randomUUID().replaceAll('-', '')}`
  await runSql(url, `create schema ${schema}`)
  if (named !== undefined) owned.defer(() => runSql(url, `drop schema ${schema} cascade`))
  const kept = owned.move()
  return {
    url: `${url}?options=-c%20search_path%3D${schema}`,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

/** Runs statements one after the other. */
export async function runSql(url: string, ...statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    for (const text of statements) await client.query(text)
  } finally {
    await client.end()
  }
}

/** A Redis: the one that PROVENDER_TEST_REDIS names, else one of our own, which keeps nothing. What a bench writes there is of a project of its own. */
export async function redisPlace(): Promise<Place> {
  const named = process.env['PROVENDER_TEST_REDIS']
  return named === undefined
    ? startRedis(['--appendonly', 'no'])
    : { url: named, [Symbol.asyncDispose]: async () => undefined }
}

/** The name of a project that no other run has. */
export const newProject = (): string => `bench_${randomUUID().slice(0, 8)}`
