import { startPostgres } from '../../../test/support/postgres-server.ts'
import { startRedis } from '../../../test/support/redis-server.ts'

/** Servers for the demo, in the variables that its configuration reads: those that the environment names, or our own for as long as the run. */
export async function productionServers(): Promise<
  AsyncDisposable & { readonly postgres: string; readonly redis: string }
> {
  const owned = new AsyncDisposableStack()
  const postgres = process.env['POSTGRES_URL'] ?? owned.use(await startPostgres()).url
  const redis = process.env['REDIS_URL'] ?? owned.use(await startRedis()).url
  process.env['POSTGRES_URL'] = postgres
  process.env['REDIS_URL'] = redis
  return { postgres, redis, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
