import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { DoctorCheck } from '../../contract/store.ts'
import { configFile } from '../../definitions/config.ts'
import { type Environment, strayVariables } from '../../definitions/config-variables.ts'
import type { Call } from '../../kernel/call.ts'
import { type Finding, broken, check, few, well, worth } from './finding.ts'

/** What this process runs on. */
export interface Machine {
  /** `24.21.0` */
  readonly node: string
  readonly platform: string
  readonly arch: string
  /** How many files the process may have open; null where the system does not tell. */
  readonly openFiles: number | null
}

const oldestNode = 24
/** A server with a few thousand connections, and sources of many files, need that many. */
const fewOpenFiles = 4096

/** Asks the system about this process. */
async function thisMachine(): Promise<Machine> {
  const { platform, arch, versions } = process
  return { node: versions.node, platform, arch, openFiles: await openFilesOf() }
}

/** The checks that need no store. */
export function machineChecks(dir: string, call: Call | undefined): Promise<DoctorCheck>[] {
  return [
    check('node', async () => nodeFinding(await thisMachine()), call),
    check('open-files', async () => openFilesFinding(await thisMachine()), call),
    check('variables', () => variablesFinding(dir, process.env), call),
  ]
}

/** Whether this is a Node and a system that Provender runs on. */
export function nodeFinding({ node, platform, arch }: Machine): Finding {
  const running = `Node ${node} on ${platform} ${arch}`
  if (Number.parseInt(node, 10) < oldestNode)
    return broken(`${running}; Provender needs Node ${oldestNode} or later`, `Install Node ${oldestNode}.`)
  return platform === 'linux' || platform === 'darwin'
    ? well(running)
    : broken(`${running}; Provender runs on Linux and macOS`, 'On Windows, use WSL.')
}

/** Whether a busy server has files enough. */
export function openFilesFinding({ openFiles }: Machine): Finding {
  if (openFiles === null) return well('The system does not tell how many files may be open')
  const told = `${openFiles === Number.POSITIVE_INFINITY ? 'any number of' : openFiles.toLocaleString('en-US')} files may be open at once`
  return openFiles < fewOpenFiles
    ? worth(`${told}, which a busy server may need more of`, `Raise it before you start: ulimit -n ${fewOpenFiles}`)
    : well(told)
}

/** Whether each PROVENDER_ variable means something. Those that provender.yaml itself names do. */
export function variablesFinding(dir: string, environment: Environment): Finding {
  const text = readText(join(dir, configFile))
  const { used, stray } = strayVariables(environment)
  const strange = stray.filter(({ name }) => !text.includes(`\${${name}`))
  if (strange.length > 0)
    return worth(
      `ignored, since no setting is named so: ${few(strange.map(({ name, near }) => (near === undefined ? name : `${name} (did you mean ${near}?)`)))}`,
      'Rename or unset them.',
    )
  return well(used.length === 0 ? 'none is set' : `settings overridden by ${few(used)}`)
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** The limit of this process: Linux tells its own, elsewhere a shell inherits it. */
async function openFilesOf(): Promise<number | null> {
  const line = /^Max open files +(\S+)/m.exec(readText('/proc/self/limits'))?.[1] ?? (await askShell())
  if (line === undefined) return null
  return line === 'unlimited' ? Number.POSITIVE_INFINITY : Number(line)
}

const shellMs = 1000

async function askShell(): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)('/bin/sh', ['-c', 'ulimit -n'], { timeout: shellMs })
    return /^(?:\d+|unlimited)$/.exec(stdout.trim())?.[0]
  } catch {
    return undefined
  }
}
