import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { inject } from 'vitest'
import { newFolder } from '../cli/shop.ts'
import { type Running, documentOf, json, start } from '../support/command-line.ts'
import { startNginx } from '../support/nginx.ts'
import { openSchema } from '../support/postgres-schema.ts'
import { freePort } from '../support/server-process.ts'

/** The configuration that people are given. */
export const nginxConf = readFileSync(join(import.meta.dirname, '../../deploy/nginx.conf'), 'utf8')

/** One `provender serve`: a process on its own folder, as on a machine of its own. It can be ended and started again at its place. */
export interface ApiServer {
  readonly url: string
  readonly pid: () => number
  start(): Promise<void>
  /** Sends a signal, and waits for its end; answers its exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>
  signal(signal: NodeJS.Signals): void
  /** Everything that it said on stderr. */
  readonly said: () => string
}

/** API processes on one PostgreSQL and one Redis, behind an nginx. */
export interface ApiServers extends AsyncDisposable {
  readonly servers: readonly ApiServer[]
  /** Where nginx answers. */
  readonly url: string
  /** The end of what nginx complained of. */
  complaints(): string
}

/**
 * Starts API processes by the words after `serve`, one for each. The repository, whose definitions are applied, is the same files in a
 * folder for each of them.
 */
export async function openApiServers(definitions: string, words: readonly (readonly string[])[]): Promise<ApiServers> {
  const owned = new AsyncDisposableStack()
  try {
    const schema = owned.use(await openSchema())
    // Projects share a Redis without seeing each other.
    const project = `s${schema.url.slice(-12)}`
    const variables = {
      PROVENDER_METADATA: schema.url,
      PROVENDER_OFFLINE: schema.url,
      PROVENDER_ONLINE: inject('services').redis,
    }
    const settings = [
      `project: ${project}`,
      ...Object.entries(variables).map(([name, url]) => `${name.slice(10).toLowerCase()}: ${url}`),
    ]
    const servers: ApiServer[] = []
    for (const each of words) {
      const folder = newFolder()
      owned.defer(() => rmSync(folder.dir, { recursive: true, force: true }))
      folder.write('provender.yaml', `${settings.join('\n')}\n`)
      folder.write('features/all.yaml', definitions)
      if (servers.length === 0) await json(folder.dir, ['apply', '--yes'])
      const server = apiServer(folder.dir, await freePort(), each)
      owned.defer(() => server.end('SIGKILL').then(() => undefined))
      servers.push(server)
    }
    await Promise.all(servers.map((server) => server.start()))
    const places = servers.map(({ url }, i) => [`api-${i + 1}:6580`, new URL(url).host] as const)
    const nginx = owned.use(await startNginx(nginxConf, new Map(places)))
    const kept = owned.move()
    return { servers, url: nginx.url, complaints: () => nginx.said(), [Symbol.asyncDispose]: () => kept.disposeAsync() }
  } catch (thrown) {
    await owned.disposeAsync()
    throw thrown
  }
}

function apiServer(dir: string, port: number, words: readonly string[]): ApiServer {
  let running: Running | undefined
  let said = ''
  const child = () => {
    if (running === undefined) throw new Error('It was not started')
    return running.child
  }
  return {
    url: `http://127.0.0.1:${port}`,
    pid: () => child().pid ?? 0,
    async start() {
      const started = start(dir, ['serve', '--port', String(port), '--json', ...words])
      running = started
      started.child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
      const [chunk] = (await Promise.race([
        once(started.child.stdout ?? started.child, 'data'),
        started.ended.then(({ stdout, stderr }) => Promise.reject(new Error(`serve ended: ${stdout}${stderr}`))),
      ])) as [Buffer]
      const document = documentOf(chunk.toString()) as { readonly url?: string }
      if (document.url === undefined) throw new Error(`serve failed: ${chunk.toString()}`)
    },
    async end(signal) {
      if (running === undefined) return null
      running.child.kill('SIGCONT')
      running.child.kill(signal)
      return (await running.ended).exit
    },
    signal: (signal) => void child().kill(signal),
    said: () => said,
  }
}
