import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** A process, known well enough that another one on the same machine can tell whether it still runs. */
export interface ProcessOwner {
  readonly host: string
  /** The machine's boot and the process's namespace of pids; empty where the system tells neither. */
  readonly boot: string
  readonly pid: number
  /** When the process started, in the system's own words: two processes of one pid never share it. */
  readonly startedAt: string
}

let self: ProcessOwner | undefined

/** This process. */
export function processOwner(): ProcessOwner {
  self ??= Object.freeze({
    host: hostname(),
    boot: bootId(),
    pid: process.pid,
    startedAt: startOf(process.pid) ?? String(performance.timeOrigin),
  })
  return self
}

/**
 * Whether a process is known to have ended. False where nothing is known: on another host, boot or pid namespace
 * (containers share the first two), there only the end of its lease tells.
 */
export function isDead(owner: ProcessOwner): boolean {
  const here = processOwner()
  if (owner.host !== here.host || owner.boot !== here.boot || here.boot === '') return false
  if (owner.pid === here.pid) return owner.startedAt !== here.startedAt
  const startedAt = startOf(owner.pid)
  if (startedAt !== undefined) return startedAt !== owner.startedAt
  // Where the start cannot be read, a process that takes no signal is dead; one that refuses ours (EPERM) lives.
  try {
    process.kill(owner.pid, 0)
    return false
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'ESRCH'
  }
}

function bootId(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return ask('sysctl', ['-n', 'kern.bootsessionuuid']) ?? ''
  }
}

/** The start of a running process; undefined where it cannot be told, or the process has ended and only waits to be buried. */
function startOf(pid: number): string | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return process.platform === 'linux' ? undefined : ask('ps', ['-o', 'lstart=', '-p', String(pid)])
  }
  // The second field, the program's name, may hold spaces and brackets; all after its last bracket may not.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state] = fields
  return state === 'Z' || state === 'X' ? 'ended' : fields[19]
}

/** What a small program of the system prints; undefined where there is none such, it fails or says nothing. */
function ask(program: string, args: readonly string[]): string | undefined {
  try {
    const text = execFileSync(program, args, {
      encoding: 'utf8',
      timeout: 1000,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
    return text === '' ? undefined : text
  } catch {
    return undefined
  }
}
