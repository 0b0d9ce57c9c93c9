import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** As whom servers run that refuse to be root: an account that every system has. */
const nobody = 65_534

/** What makes a child run as an ordinary user where we are root. */
export const ordinaryUser = (): { readonly uid?: number; readonly gid?: number } =>
  process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {}

/** Gives a folder to the ordinary user that servers run as. */
export function giveAway(folder: string): void {
  const { uid, gid } = ordinaryUser()
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid)
}

/** A free port of the loopback; below 45536, since a Redis Cluster also takes the port 10000 above. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 25_000)
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const listening = once(server, 'listening').then(
    () => true,
    () => false,
  )
  server.listen(port, '127.0.0.1')
  if (!(await listening)) return false
  await new Promise((resolve) => server.close(resolve))
  return true
}

/** One run of a server, a direct child of ours. */
export interface ServerProcess {
  readonly child: ChildProcess
  /** The end of what it said. */
  said(): string
  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<void>
}

/** How much of what a server says is kept. */
const saidChars = 8_192

const running = new Set<ChildProcess>()
const folders = new Set<string>()

/** Ends what still runs and removes what is still there: for a process that ends early. */
function leaveNothing(): void {
  for (const child of running) child.kill('SIGKILL')
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 })
}
process.once('exit', leaveNothing)
for (const [signal, code] of [
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.on(signal, () => {
    // Where somebody else knows what a signal is for, that goes on; the servers have heard a terminal's Ctrl-C anyway.
    if (process.listenerCount(signal) === 1) process.exit(code)
  })

/** A folder of a server; removed with it, or with this process. */
export interface ServerFolder extends Disposable {
  readonly path: string
}

/** Makes a folder for a server, in that for temporary files. */
export function serverFolder(server: string): ServerFolder {
  const path = mkdtempSync(join(tmpdir(), `provender-${server}-`))
  folders.add(path)
  return {
    path,
    [Symbol.dispose]() {
      rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 })
      folders.delete(path)
    },
  }
}

/** On Linux a server ends with whoever started it, also where that is killed. */
const withParent = '/usr/bin/setpriv'
const bound = process.platform === 'linux' && existsSync(withParent)

/** Starts a server. */
export function startProcess(path: string, args: readonly string[], asOrdinaryUser: boolean): ServerProcess {
  const [program, words] = bound ? [withParent, ['--pdeathsig', 'KILL', path, ...args]] : [path, args]
  const child = spawn(program, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(asOrdinaryUser ? ordinaryUser() : {}),
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  })
  let said = ''
  const hear = (chunk: Buffer): void => {
    said = (said + chunk.toString()).slice(-saidChars)
  }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  running.add(child)
  child.once('exit', () => running.delete(child))
  return {
    child,
    said: () => said,
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill(signal)
      await exited
    },
  }
}

/** The processes that a process has started and that are still there; none on systems that do not tell. */
export function childrenOf(pid: number): number[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .map(Number)
    .filter((each) => parentOf(each) === pid)
}

/** Who has started a process; null where there is no such. */
export function parentOf(pid: number): number | null {
  try {
    return Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1])
  } catch {
    return null
  }
}

/** Tries again every few milliseconds until it goes well. @throws the last failure, with what the server said. */
export async function untilReady(server: ServerProcess, what: string, attempt: () => Promise<unknown>): Promise<void> {
  const untilMs = Date.now() + readyMs
  for (;;) {
    try {
      await attempt()
      return
    } catch (cause) {
      const dead = server.child.exitCode !== null || server.child.signalCode !== null
      if (dead || Date.now() > untilMs) throw new Error(`${what} does not answer:\n${server.said()}`, { cause })
      await sleep(30)
    }
  }
}

const readyMs = 60_000
