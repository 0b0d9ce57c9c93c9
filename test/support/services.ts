import type { TestProject } from 'vitest/node'
import { type ProgramName, demandPrograms } from './program.ts'
import { startPostgres, startReplica } from './postgres-server.ts'
import { startRedis, startRedisCluster } from './redis-server.ts'

/** Where the real services of the tests answer. */
export interface ServiceUrls {
  readonly postgres: string
  /** A streaming replica of it. */
  readonly replica: string
  readonly redis: string
  readonly cluster: readonly string[]
}

declare module 'vitest' {
  interface ProvidedContext {
    services: ServiceUrls
  }
}

const relationalPrograms: readonly ProgramName[] = ['initdb', 'postgres', 'pg_basebackup']
const redisPrograms: readonly ProgramName[] = ['redis-server', 'redis-cli']
/** What tests start for themselves, on top. */
const otherPrograms: readonly ProgramName[] = ['pg_dump', 'psql', 'nginx', 'openssl', 'prlimit']

/** Starts what the environment does not name: PROVENDER_TEST_POSTGRES with _REPLICA, PROVENDER_TEST_REDIS, PROVENDER_TEST_CLUSTER (urls with commas). */
export async function startServices(): Promise<AsyncDisposable & { readonly urls: ServiceUrls }> {
  const owned = new AsyncDisposableStack()
  const { PROVENDER_TEST_POSTGRES, PROVENDER_TEST_REPLICA, PROVENDER_TEST_REDIS, PROVENDER_TEST_CLUSTER } = process.env
  const isOwn = [PROVENDER_TEST_POSTGRES, PROVENDER_TEST_REPLICA].includes(undefined)
  const isOwnRedis = [PROVENDER_TEST_REDIS, PROVENDER_TEST_CLUSTER].includes(undefined)
  // All that is missing is named at once.
  await demandPrograms([...(isOwn ? relationalPrograms : []), ...(isOwnRedis ? redisPrograms : [])])
  try {
    const [relational, redis, cluster] = await Promise.all([
      PROVENDER_TEST_POSTGRES === undefined || PROVENDER_TEST_REPLICA === undefined
        ? ownPostgres(owned)
        : { postgres: PROVENDER_TEST_POSTGRES, replica: PROVENDER_TEST_REPLICA },
      PROVENDER_TEST_REDIS ?? startRedis().then((server) => owned.use(server).url),
      PROVENDER_TEST_CLUSTER?.split(',') ?? startRedisCluster().then((nodes) => owned.use(nodes).urls),
    ])
    const stack = owned.move()
    return { urls: { ...relational, redis, cluster }, [Symbol.asyncDispose]: () => stack.disposeAsync() }
  } catch (thrown) {
    await owned.disposeAsync()
    throw thrown
  }
}

async function ownPostgres(owned: AsyncDisposableStack): Promise<Pick<ServiceUrls, 'postgres' | 'replica'>> {
  const primary = owned.use(await startPostgres())
  const replica = owned.use(await startReplica(primary))
  return { postgres: primary.url, replica: replica.url }
}

/** Vitest's global setup of the tests that need services. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await demandPrograms([...relationalPrograms, ...redisPrograms, ...otherPrograms])
  const services = await startServices()
  project.provide('services', services.urls)
  return async () => services[Symbol.asyncDispose]()
}
