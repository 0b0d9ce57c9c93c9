import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync, globSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Programs of real services, and the Debian packages that hold them. */
const packages = Object.freeze({
  postgres: 'postgresql',
  initdb: 'postgresql',
  pg_basebackup: 'postgresql',
  pg_dump: 'postgresql',
  psql: 'postgresql',
  'redis-server': 'redis-server',
  'redis-cli': 'redis-server',
  nginx: 'nginx-light',
  openssl: 'openssl',
  prlimit: 'util-linux',
})
export type ProgramName = keyof typeof packages

/** Where distributions keep programs that are in no PATH; of several versions the newest is taken. */
const otherFolders = (): readonly string[] => [
  ...globSync('/usr/lib/postgresql/*/bin').toSorted((a, b) => versionOf(b) - versionOf(a)),
  ...globSync('/opt/homebrew/opt/postgresql@*/bin'),
  '/usr/sbin',
  '/usr/local/sbin',
]
const versionOf = (path: string): number => Number(/postgresql\/(\d+)/.exec(path)?.[1] ?? 0)

function found(name: ProgramName): string | undefined {
  const names = name === 'redis-server' ? [name, 'valkey-server'] : name === 'redis-cli' ? [name, 'valkey-cli'] : [name]
  for (const folder of [...otherFolders(), ...(process.env['PATH'] ?? '').split(delimiter)])
    for (const each of names) {
      const path = join(folder, each)
      if (existsSync(path) && isExecutable(path)) return path
    }
  return undefined
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

let installing: Promise<void> = Promise.resolve()

/**
 * The path of a service's program. One that the machine lacks is installed where that needs no asking: on Debian or Ubuntu as root.
 * @throws what is missing and how to get it: a test that needs a service never passes without it.
 */
export async function program(name: ProgramName): Promise<string> {
  const there = found(name)
  if (there !== undefined) return there
  await demandPrograms([name])
  const installed = found(name)
  if (installed === undefined) throw new Error(`The package ${packages[name]} was installed, but holds no ${name}`)
  return installed
}

/** Makes sure of several programs at once, as `program` does of one. @throws all that is missing, and how to get it. */
export async function demandPrograms(names: readonly ProgramName[]): Promise<void> {
  if (names.every((name) => found(name) !== undefined)) return
  installing = installing.catch(() => undefined).then(() => install(names.filter((name) => found(name) === undefined)))
  await installing
}

async function install(missing: readonly ProgramName[]): Promise<void> {
  if (missing.length === 0) return
  const wanted = [...new Set(missing.map((name) => packages[name]))]
  const needed = `This machine lacks ${missing.join(', ')}: servers that tests of the production engines start for themselves.`
  const command = `apt-get install ${wanted.join(' ')}`
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    throw new Error(
      `${needed}\nInstall them (Debian, Ubuntu:  sudo ${command} ; macOS:  brew install postgresql redis nginx ).\n` +
        'Running servers may be named instead: PROVENDER_TEST_POSTGRES with PROVENDER_TEST_REPLICA, PROVENDER_TEST_REDIS, PROVENDER_TEST_CLUSTER.',
    )
  process.stderr.write(`${needed} Installing them:  ${command}\n`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const wait = ['-o', 'DPkg::Lock::Timeout=300']
  try {
    await run('apt-get', ['update', '-qq', ...wait], { env })
    await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...wait, ...wanted], {
      env,
      maxBuffer: 64 * 1024 * 1024,
    })
  } catch (cause) {
    throw new Error(`${needed} They could not be installed:  ${command}`, { cause })
  }
}
