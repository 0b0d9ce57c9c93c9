import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { execFile } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { DuckDBInstance } from '@duckdb/node-api'
import pg from 'pg'
import type { StoreUnderTest } from 'provender/testing'
import { openEngines } from '../../src/compose/engines.ts'
import { composeStore } from '../../src/compose/store.ts'
import type { Store } from '../../src/contract/store.ts'
import type { Config } from '../../src/define/config.ts'
import { requestLimitsOf } from '../../src/define/request-limits.ts'
import { manualClock } from '../../src/kernel/clock.ts'
import { parquetSql } from './duckdb-bench.ts'
import { epoch } from './memory-store.ts'
import { newSchema } from './postgres-schema.ts'
import { startRedis } from './redis-server.ts'
import { program } from './program.ts'

const run = promisify(execFile)

/** A store on real servers, and the database beside it. */
export interface ProductionStore extends StoreUnderTest {
  readonly config: Config
  /** Runs SQL in the database of the history. */
  sql(text: string): Promise<void>
}

/** A store on PostgreSQL (metadata in one schema, history in another) and a Redis of its own. */
export async function openProductionStore(): Promise<ProductionStore> {
  const dir = await mkdtemp(join(tmpdir(), 'provender-store-'))
  const redis = await startRedis(['--appendonly', 'no'])
  const metadata = await newSchema()
  const config: Config = {
    project: 'production',
    dir,
    metadata,
    offline: { url: await newSchema(), replicas: [] },
    online: { url: redis.url },
    server: { host: '127.0.0.1', port: 0, workers: 1, sql: false, dataRoots: [], limits: requestLimitsOf() },
    auth: 'none',
  }
  const clock = manualClock(epoch)
  const writer = await DuckDBInstance.create(':memory:')
  const connection = await writer.connect()
  let hook: ((phase: string) => void) | null = null
  let count = 0
  const open = async (): Promise<Store> =>
    loading(
      composeStore(config, await openEngines(config, clock), {
        clock,
        waits: { switchMs: -1, pollMs: 10 },
        reached: (phase) => hook?.(phase),
      }),
    )
  let store = await open()
  return {
    get store() {
      return store
    },
    config,
    sql: (text) => runSql(config.offline.url, text),
    clock,
    can: { files: false, sql: true, parquet: true },
    async put(source, file, table) {
      await mkdir(join(dir, source), { recursive: true })
      const path = join(dir, source, `${file}.parquet`)
      if (table === null) return rm(path, { force: true })
      const written = join(dir, `${++count}.aside`)
      await connection.run(parquetSql(table, written))
      await rename(written, path)
    },
    backupOnline: () => redis.backup(),
    wipeOnline: () => redis.empty(),
    async backupMetadata() {
      const putBack = await backupSchema(metadata, join(dir, `${++count}.sql`))
      return async () => {
        await store[Symbol.asyncDispose]()
        await putBack()
        store = await open()
      }
    },
    onPhase(next) {
      hook = next
    },
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]()
      await redis[Symbol.asyncDispose]()
      connection.closeSync()
      writer.closeSync()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** The store of an operator who loads files before whatever reads them. */
function loading(store: Store): Store {
  return {
    ...store,
    materialize: async (...asked) => store.load().then(() => store.materialize(...asked)),
    startMaterialize: async (...asked) => store.load().then(() => store.startMaterialize(...asked)),
    historical: async (...asked) => store.load().then(() => store.historical(...asked)),
    events: async (...asked) => store.load().then(() => store.events(...asked)),
    snapshot: async (...asked) => store.load().then(() => store.snapshot(...asked)),
  }
}

/** Copies the schema of a url; calling the answer puts it back as it was. */
async function backupSchema(schemaUrl: string, copy: string): Promise<() => Promise<void>> {
  const url = new URL(schemaUrl)
  const schema = url.searchParams.get('options')?.split('=').at(-1) ?? ''
  url.search = ''
  await run(await program('pg_dump'), ['-d', url.href, '-n', schema, '-f', copy])
  return async () => {
    await runSql(url.href, `drop schema ${schema} cascade`)
    await run(await program('psql'), ['-d', url.href, '-q', '-f', copy])
  }
}

async function runSql(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(text)
  await client.end()
}
