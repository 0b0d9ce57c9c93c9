import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { installFault } from './install-lines.ts'
import type { Output, Step } from './page-steps.ts'
import { difference } from './printed.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const ownCurl = fileURLToPath(new URL('./curl.ts', import.meta.url))
const terminalModule = new URL('./as-terminal.ts', import.meta.url).href

/** Where pages say that the server is. */
const shownAddress = '127.0.0.1:6580'
const readyMs = 60_000

/** What stands around a reader beside the folder. */
export interface Surroundings {
  /** What really stands at addresses that the page shows. */
  readonly addresses?: ReadonlyMap<string, string>
  /** Folders of programs that the page uses. */
  readonly path?: readonly string[]
}

/** One reader who follows one page: a folder, a place in it, a terminal, and the servers that were started. */
export class PageSession implements AsyncDisposable {
  readonly #base = realpathSync(mkdtempSync(join(tmpdir(), 'provender-page-')))
  readonly #servers: ChildProcess[] = []
  readonly #port: number
  readonly #surroundings: Surroundings
  #folder = join(this.#base, 'home')
  #scripts = 0
  /** TypeScript files that the page has its reader write. */
  readonly typescript: string[] = []

  private constructor(port: number, surroundings: Surroundings) {
    this.#port = port
    this.#surroundings = surroundings
    mkdirSync(this.#folder)
    // As after `npm install`: the package and the types of Node are found from any folder of the page.
    mkdirSync(join(this.#base, 'node_modules/@types'), { recursive: true })
    symlinkSync(root, join(this.#base, 'node_modules/provender'))
    symlinkSync(join(root, 'node_modules/@types/node'), join(this.#base, 'node_modules/@types/node'))
    mkdirSync(join(this.#base, 'bin'))
    if (!isOnPath('curl'))
      writeFileSync(join(this.#base, 'bin/curl'), `#!/bin/sh\nexec node '${ownCurl}' "$@"\n`, { mode: 0o755 })
  }

  static async open(surroundings: Surroundings = {}): Promise<PageSession> {
    return new PageSession(await freePort(), surroundings)
  }

  /** Does what a step asks for; answers what went otherwise than the page says. */
  async follow(step: Step): Promise<string | undefined> {
    switch (step.kind) {
      case 'file':
        return this.#save(step.path, step.fence.text)
      case 'install':
        return installFault(step.fence.text)
      case 'script': {
        const file = `script-${++this.#scripts}.mts`
        this.#save(file, step.fence.text)
        return this.#run(`node ${file}`, step.output)
      }
      case 'commands': {
        // What goes on until it is stopped stands on the last line.
        const [, before = '', server] =
          /^([^]*\n)?(provender (?:--\S+ )*(?:serve|dev)\b.*)\n?$/.exec(step.commands) ?? []
        if (server === undefined) return this.#run(step.commands, step.output)
        const fault = before === '' ? undefined : await this.#run(before, undefined)
        return fault ?? this.#serve(server, step.output)
      }
    }
  }

  /** What the compiler says of the page's TypeScript, and of nothing that it imports. */
  async typeFaults(): Promise<string | undefined> {
    if (this.typescript.length === 0) return undefined
    const config = join(this.#base, 'tsconfig.json')
    writeFileSync(config, JSON.stringify({ extends: join(root, 'tsconfig.json'), include: [], files: this.typescript }))
    const compiler = join(root, 'node_modules/typescript/bin/tsc')
    const child = spawn(process.execPath, [compiler, '--pretty', 'false', '-p', config], {
      cwd: this.#base,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const lines = (await text(child.stdout)).split('\n')
    const faults = lines.filter((line) => line !== '' && !line.startsWith('..'))
    return faults.length === 0 ? undefined : faults.join('\n')
  }

  #save(path: string, content: string): undefined {
    const file = join(this.#folder, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, this.#here(content))
    if (/\.m?ts$/.test(path)) this.typescript.push(file)
  }

  /** The page's text with the addresses that servers have here. */
  readonly #here = (shown: string): string => {
    let text = shown.replaceAll(shownAddress, `127.0.0.1:${this.#port}`)
    for (const [address, ours] of this.#surroundings.addresses ?? []) text = text.replaceAll(address, ours)
    return text
  }

  /** Runs commands in one shell, which stops at the first that fails; the folder that they end in is the next ones'. */
  async #run(commands: string, output: Output | undefined): Promise<string | undefined> {
    const folder = join(this.#base, 'folder')
    const terminal = join(this.#base, 'terminal')
    const child = this.#spawn(`set -e\n${this.#here(commands)}\npwd >'${folder}'`, terminal)
    const [code] = (await once(child, 'exit')) as [number | null]
    const printed = readFileSync(terminal, 'utf8')
    if (existsSync(folder)) this.#folder = readFileSync(folder, 'utf8').trim()
    const shown = output === undefined ? undefined : this.#here(output.text)
    // An error that a page shows must be one.
    const shouldFail = /^x [A-Z_]+ /m.test(shown ?? '')
    if ((code !== 0) !== shouldFail) return `ended with exit code ${code} and printed\n${printed}`
    return shown === undefined ? undefined : difference(shown, printed, output?.isJson === true)
  }

  /** Starts a server, which runs until the page ends, and waits until it has said where it is and all that the page shows. */
  async #serve(command: string, output: Output | undefined): Promise<string | undefined> {
    const terminal = join(this.#base, `terminal-${this.#servers.length}`)
    const child = this.#spawn(`exec ${command}`, terminal)
    this.#servers.push(child)
    const shown = this.#here(output?.text ?? `…\n…${shownAddress}…\n…`)
    let fault: string | undefined
    for (const until = Date.now() + readyMs; child.exitCode === null && Date.now() < until; await sleep(50)) {
      fault = difference(shown, readFileSync(terminal, 'utf8'), output?.isJson === true)
      if (fault === undefined) return undefined
    }
    return child.exitCode === null ? fault : `ended and printed\n${readFileSync(terminal, 'utf8')}`
  }

  #spawn(script: string, terminal: string): ChildProcess {
    const file = openSync(terminal, 'w')
    try {
      return spawn('/bin/sh', ['-c', script], {
        cwd: this.#folder,
        stdio: ['ignore', file, file],
        env: {
          PATH: [
            dirname(process.execPath),
            join(root, 'bin'),
            join(this.#base, 'bin'),
            ...(this.#surroundings.path ?? []),
            process.env['PATH'],
          ].join(':'),
          HOME: this.#base,
          NODE_OPTIONS: `--conditions=provender-source --disable-warning=ExperimentalWarning --import=${terminalModule}`,
          NO_COLOR: '1',
          NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/command'),
          PAGE_TERMINAL: terminal,
          PROVENDER_SERVER_PORT: String(this.#port),
        },
      })
    } finally {
      closeSync(file)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) {
      if (server.exitCode !== null || server.signalCode !== null) continue
      server.kill('SIGTERM')
      await once(server, 'exit')
    }
    rmSync(this.#base, { recursive: true, force: true })
  }
}

const isOnPath = (command: string): boolean =>
  (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, command)))

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
