import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** How large a disk is; `inodes` limits how many files it takes, as other file systems do when they are full. */
export interface DiskSize {
  readonly megabytes: number
  readonly inodes?: number
}

/** What became of a call in the other process: its value, or the code and words of its error. */
export interface Told {
  readonly value?: unknown
  readonly code?: string
  readonly detail?: string
}

/** A program in a process of its own, with a small disk that only it sees, which ends with it. It is asked one call after another. */
export interface DiskUser extends AsyncDisposable {
  /** Asks for a call by its name; answers what became of it. @throws where the process has ended instead, with its last words. */
  ask(call: string, asked?: unknown): Promise<Told>
  /** Lets the program end in peace; answers its exit code. */
  end(): Promise<number | null>
}

/** Ways to mount a file system that nobody else sees: as root, and as anybody else. */
const unshareWays = [['-m'], ['-Urm']] as const

let found: readonly string[] | undefined

/** @throws where no small disk can be made. */
function wayToMount(): readonly string[] {
  found ??= unshareWays.find(
    (way) =>
      spawnSync('unshare', [...way, 'sh', '-c', 'mount -t tmpfs -o size=1m tmpfs /tmp'], { stdio: 'ignore' }).status ===
      0,
  )
  if (found !== undefined) return found
  throw new Error(
    'A full disk cannot be tried here: it needs Linux and the right to mount a tmpfs, as root (CAP_SYS_ADMIN) or by ' +
      '`unshare -Urm` (user namespaces allowed). Run the tests where one of the two works.',
  )
}

/** Starts a program of this folder: node PROGRAM DIR, with a small disk at DIR/small and its temporary files on it or not. */
export function startOnSmallDisk(
  program: string,
  dir: string,
  disk: DiskSize,
  words: readonly string[] = [],
): DiskUser {
  const small = join(dir, 'small')
  mkdirSync(small, { recursive: true })
  const size = `size=${disk.megabytes}m${disk.inodes === undefined ? '' : `,nr_inodes=${disk.inodes}`}`
  const script = `mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && exec "$@"`
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, program)]
  const child = spawn('unshare', [...wayToMount(), 'sh', '-c', script, 'sh', size, small, ...node, dir, ...words], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  return askable(child)
}

function askable(child: ChildProcess): DiskUser {
  const waiting: { resolve: (told: Told) => void; reject: (reason: Error) => void }[] = []
  let lastWords = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    lastWords = (lastWords + chunk.toString()).slice(-4000)
  })
  child.stdin?.on('error', () => undefined)
  if (child.stdout !== null)
    createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.resolve(JSON.parse(line) as Told))
  const ended = once(child, 'close').then(([code, signal]: (number | string | null)[]) => {
    const reason = new Error(`The process ended (${String(signal ?? code)}) instead of answering. ${lastWords}`)
    for (const each of waiting.splice(0)) each.reject(reason)
    return code as number | null
  })
  return {
    async ask(call, asked) {
      const { promise, resolve, reject } = Promise.withResolvers<Told>()
      waiting.push({ resolve, reject })
      child.stdin?.write(`${JSON.stringify([call, asked ?? null])}\n`)
      if (child.exitCode !== null || child.signalCode !== null) await ended
      return promise
    },
    async end() {
      child.stdin?.end()
      return ended
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
