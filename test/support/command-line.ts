import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const command = fileURLToPath(new URL('../../bin/provender', import.meta.url))
/** A fifth of what a start takes is compiling, which needs to be done once. */
const compileCache = fileURLToPath(new URL('../../node_modules/.cache/command', import.meta.url))

/** What a command line came to. */
export interface Ended {
  readonly exit: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A command that runs. */
export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
}

/** Starts the checkout's command as a user's shell without a terminal would. `variables` are added to its environment. */
export function start(cwd: string, args: readonly string[], variables: NodeJS.ProcessEnv = {}): Running {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(?:CI|NO_COLOR|FORCE_COLOR|NODE_OPTIONS|VITEST.*|PROVENDER_.*)$/.test(name),
  )
  const child = spawn(command, args, {
    cwd,
    env: { ...Object.fromEntries(kept), NODE_COMPILE_CACHE: compileCache, ...variables },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  // A command that fails early does not read all it is given.
  child.stdin.on('error', () => undefined)
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (exit) =>
      resolve({ exit, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }),
    )
  })
  return { child, ended }
}

/** Runs a command to its end. */
export function run(cwd: string, args: readonly string[], input = ''): Promise<Ended> {
  const { child, ended } = start(cwd, args)
  child.stdin?.end(input)
  return ended
}

/** Runs a command with --json that has to end well; its one document. What it says on stderr is no part of it. */
export async function json(cwd: string, args: readonly string[], input = ''): Promise<unknown> {
  const { exit, stdout, stderr } = await run(cwd, [...args, '--json'], input)
  if (exit !== 0) throw new Error(`provender ${args.join(' ')} ended with ${exit}: ${stdout}${stderr}`)
  return documentOf(stdout)
}

/** The one document on stdout: a single line that is JSON. */
export function documentOf(stdout: string): unknown {
  if (!/^[^\n]+\n$/.test(stdout)) throw new Error(`Not one line: ${JSON.stringify(stdout.slice(0, 500))}`)
  return JSON.parse(stdout)
}
