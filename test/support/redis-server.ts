import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { program } from './program.ts'
import { type ServerProcess, freePort, serverFolder, startProcess, untilReady } from './server-process.ts'

const run = promisify(execFile)

/** A Redis server of our own. */
export interface RedisServer extends AsyncDisposable {
  readonly port: number
  readonly url: string
  /** Ends it as a crash would, and waits for that. */
  kill(): Promise<void>
  /** Starts it again: with its data where it keeps them (`appendonly yes`), empty otherwise. */
  restart(): Promise<void>
  /** Stops (`SIGSTOP`) or continues it. */
  signal(name: NodeJS.Signals): void
  /** Copies its data; calling the answer starts it again with the copy. Without `appendonly` only. */
  backup(): Promise<() => Promise<void>>
  /** Forgets all that it holds, as an operator would. */
  empty(): Promise<void>
  /** Says something to it, as an operator would. */
  ask(command: string, ...args: string[]): Promise<unknown>
}

/** Starts a Redis that listens on the loopback; it keeps its data in an append-only file unless told otherwise. */
export async function startRedis(extra: readonly string[] = []): Promise<RedisServer> {
  const path = await program('redis-server')
  const own = serverFolder('redis')
  const folder = own.path
  const port = await freePort()
  const usual = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'yes', '--hash-max-listpack-value', '1024']
  const args = ['--port', String(port), '--dir', folder, ...usual, ...extra]
  let server: ServerProcess
  const ask = async (): Promise<void> => {
    const client = new Redis(port, '127.0.0.1', {
      lazyConnect: true,
      retryStrategy: () => null,
      enableReadyCheck: false,
    })
    client.on('error', () => undefined)
    try {
      await client.connect()
      const answer = await client.call('ROLE').catch((thrown: unknown) => {
        // Who wants a password answers.
        if (thrown instanceof Error && thrown.message.startsWith('NOAUTH')) return 'there'
        throw thrown
      })
      if (String(answer).includes('LOADING')) throw new Error('it still loads')
    } finally {
      client.disconnect()
    }
  }
  const say = async (command: string, ...rest: string[]): Promise<unknown> => {
    const client = new Redis(port, '127.0.0.1', { retryStrategy: () => null })
    client.on('error', () => undefined)
    try {
      return await client.call(command, ...rest)
    } finally {
      client.disconnect()
    }
  }
  const start = async (): Promise<void> => {
    server = startProcess(path, args, false)
    await untilReady(server, 'Redis', ask)
  }
  await start()
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    kill: () => server.end('SIGKILL'),
    restart: start,
    signal: (name) => void server.child.kill(name),
    async backup() {
      await say('SAVE')
      const copy = join(folder, `${randomUUID()}.rdb`)
      await copyFile(join(folder, 'dump.rdb'), copy)
      return async () => {
        await server.end('SIGKILL')
        await copyFile(copy, join(folder, 'dump.rdb'))
        await start()
      }
    },
    empty: async () => void (await say('FLUSHALL')),
    ask: say,
    async [Symbol.asyncDispose]() {
      await server.end('SIGKILL')
      own[Symbol.dispose]()
    },
  }
}

/** A Redis Cluster of our own: three primaries, the first nodes, with a replica each. */
export interface RedisCluster extends AsyncDisposable {
  readonly nodes: readonly RedisServer[]
  readonly urls: readonly string[]
}

/** Starts a cluster of 3 + 3 nodes that fails over after 2 s. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const how = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', '--repl-diskless-sync-delay', '0']
  const whole = ['--cluster-require-full-coverage', 'no']
  const nodes = await Promise.all(Array.from({ length: 6 }, () => startRedis([...how, ...whole])))
  const places = nodes.map(({ port }) => `127.0.0.1:${port}`)
  const args = ['--cluster', 'create', ...places, '--cluster-replicas', '1', '--cluster-yes']
  await run(await program('redis-cli'), args)
  for (const { port } of nodes) await untilWhole(port)
  return {
    nodes,
    urls: nodes.map(({ url }) => url),
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()))
    },
  }
}

async function untilWhole(port: number): Promise<void> {
  const client = new Redis(port, '127.0.0.1')
  try {
    for (let tries = 0; ; tries++) {
      const info = String(await client.call('CLUSTER', 'INFO'))
      if (info.includes('cluster_state:ok') && info.includes('cluster_slots_ok:16384')) return
      if (tries > 300) throw new Error(`The cluster is not whole:\n${info}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  } finally {
    client.disconnect()
  }
}
