import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { limitFiles } from './file-limit.ts'
import { program } from './program.ts'
import {
  type ServerFolder,
  type ServerProcess,
  childrenOf,
  freePort,
  giveAway,
  ordinaryUser,
  parentOf,
  serverFolder,
  startProcess,
  untilReady,
} from './server-process.ts'

const run = promisify(execFile)

/** A PostgreSQL server of our own. */
export interface PostgresServer extends AsyncDisposable {
  readonly port: number
  /** Of its database `provender`. */
  readonly url: string
  /** Ends it as a power cut would end its processes, and waits for that. */
  kill(): Promise<void>
  /** Ends it as an operator does, and waits for that: `fast` after a word to its clients, `immediate` without one. */
  stop(how: 'fast' | 'immediate'): Promise<void>
  /** Starts it again after its end. */
  restart(): Promise<void>
  /** Sends a signal to its first process. */
  signal(name: NodeJS.Signals): void
  /** Lets none of its files grow beyond so many bytes, as if its disk were full; undefined: as they like, as after its next start. */
  limitFiles(bytes: number | undefined): Promise<void>
}

/** Quick and small; commits are still answered only when they are written. */
const settings = Object.freeze({
  fsync: 'off',
  synchronous_commit: 'on',
  listen_addresses: '127.0.0.1',
  max_connections: '100',
  shared_buffers: '64MB',
  wal_level: 'replica',
  max_wal_senders: '4',
  hot_standby: 'on',
  wal_retrieve_retry_interval: '200ms',
  wal_receiver_status_interval: '1s',
  jit: 'off',
  logging_collector: 'off',
})

/** Starts a primary with an empty database `provender`. `extra`: settings; `making`: words for `initdb`. */
export async function startPostgres(
  extra: Readonly<Record<string, string>> = {},
  making: readonly string[] = [],
): Promise<PostgresServer> {
  const folder = newFolder()
  const data = join(folder.path, 'data')
  const initdb = await program('initdb')
  const make = ['-D', data, '-U', 'provender', '--auth=trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync']
  await run(initdb, [...make, ...making], { ...ordinaryUser(), cwd: folder.path })
  const server = await serve(folder, extra, 'postgres')
  const client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'provender', database: 'postgres' })
  await client.connect()
  await client.query('create database provender')
  await client.end()
  return server
}

/** Starts a streaming replica of a primary. */
export async function startReplica(
  primary: PostgresServer,
  extra: Readonly<Record<string, string>> = {},
): Promise<PostgresServer> {
  const folder = newFolder()
  const from = ['-h', '127.0.0.1', '-p', String(primary.port), '-U', 'provender']
  const how = ['-R', '-X', 'stream', '-C', '-S', 'replica_1', '--checkpoint=fast', '--no-sync']
  await run(await program('pg_basebackup'), [...from, '-D', join(folder.path, 'data'), ...how], {
    ...ordinaryUser(),
    cwd: folder.path,
  })
  return serve(folder, extra, 'provender')
}

function newFolder(): ServerFolder {
  const folder = serverFolder('postgres')
  mkdirSync(join(folder.path, 'socket'))
  giveAway(folder.path)
  giveAway(join(folder.path, 'socket'))
  return folder
}

async function serve(
  folder: ServerFolder,
  extra: Readonly<Record<string, string>>,
  database: string,
): Promise<PostgresServer> {
  const postgres = await program('postgres')
  const port = await freePort()
  const told = Object.entries({ ...settings, ...extra, unix_socket_directories: join(folder.path, 'socket') })
  const args = [
    '-D',
    join(folder.path, 'data'),
    '-p',
    String(port),
    ...told.flatMap(([key, value]) => ['-c', `${key}=${value}`]),
  ]
  const ask = async (): Promise<void> => {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'provender', database })
    // A server that goes down says so on connections that nobody waits for.
    client.on('error', () => undefined)
    try {
      await client.connect()
      await client.query('select 1')
    } finally {
      await client.end().catch(() => undefined)
    }
  }
  let server: ServerProcess
  const start = async (): Promise<void> => {
    for (let tries = 1; ; tries++) {
      server = startProcess(postgres, args, true)
      try {
        await untilReady(server, 'PostgreSQL', ask)
        return
      } catch (thrown) {
        // Children of a killed server hold its shared memory for a moment.
        if (tries >= 10 || !server.said().includes('pre-existing shared memory')) throw thrown
      }
    }
  }
  await start()
  return {
    port,
    url: `postgres://provender@127.0.0.1:${port}/provender`,
    async kill() {
      // Those that it has started would go on with what they do until they look for it.
      const children = childrenOf(server.child.pid ?? 0)
      await server.end('SIGKILL')
      for (const child of children) if (parentOf(child) !== null) process.kill(child, 'SIGKILL')
    },
    stop: (how) => server.end(how === 'fast' ? 'SIGINT' : 'SIGQUIT'),
    restart: start,
    signal: (name) => void server.child.kill(name),
    limitFiles: (bytes) => limitFiles(server.child.pid ?? 0, bytes),
    async [Symbol.asyncDispose]() {
      server.child.kill('SIGCONT')
      await server.end('SIGINT')
      folder[Symbol.dispose]()
    },
  }
}
