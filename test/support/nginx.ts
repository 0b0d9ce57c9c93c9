import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { program } from './program.ts'
import { freePort, giveAway, serverFolder, startProcess, untilReady } from './server-process.ts'

/** An nginx of our own. */
export interface NginxServer extends AsyncDisposable {
  readonly url: string
  /** The end of what it complained of. */
  said(): string
}

/** What it keeps while it runs, which as installed belongs to root. */
const kept = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'] as const

/**
 * Starts an nginx by a configuration that listens on port 6580; here it listens on a free one of the loopback.
 * @param servers what stands for which server of the configuration: `api-1:6580` is `127.0.0.1:…`
 */
export async function startNginx(configuration: string, servers: ReadonlyMap<string, string>): Promise<NginxServer> {
  const path = await program('nginx')
  const own = serverFolder('nginx')
  const folder = own.path
  const port = await freePort()
  const ours = kept.map((name) => `${name}_temp_path ${join(folder, name)};`)
  let text = configuration.replace('listen 6580;', `listen 127.0.0.1:${port};`)
  for (const [name, address] of servers) text = text.replaceAll(name, address)
  text = text.replace('http {', `http {\n  ${ours.join('\n  ')}`)
  for (const name of kept) {
    mkdirSync(join(folder, name))
    giveAway(join(folder, name))
  }
  const file = join(folder, 'nginx.conf')
  writeFileSync(file, text)
  giveAway(folder)
  // One process, so that none is left behind where this one is killed.
  const told = `daemon off; master_process off; pid ${join(folder, 'pid')};`
  const server = startProcess(path, ['-p', folder, '-c', file, '-e', 'stderr', '-g', told], true)
  const url = `http://127.0.0.1:${port}`
  const stop = async (): Promise<void> => {
    await server.end('SIGTERM')
    own[Symbol.dispose]()
  }
  try {
    await untilReady(server, 'nginx', () => fetch(`${url}/livez`))
  } catch (thrown) {
    await stop()
    throw thrown
  }
  return { url, said: () => server.said(), [Symbol.asyncDispose]: stop }
}
