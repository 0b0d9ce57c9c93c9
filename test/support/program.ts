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
  installing = installing.catch(() => undefined).then(() => install(name))
  await installing
  const installed = found(name)
  if (installed === undefined) throw new Error(`The package ${packages[name]} was installed, but holds no ${name}`)
  return installed
}

async function install(name: ProgramName): Promise<void> {
  if (found(name) !== undefined) return
  const needed = `These tests need ${name} (Debian package ${packages[name]}).`
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    throw new Error(`${needed} Install it, or name a running server in PROVENDER_TEST_POSTGRES, PROVENDER_TEST_REDIS …`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const wait = ['-o', 'DPkg::Lock::Timeout=300']
  await run('apt-get', ['update', '-qq', ...wait], { env })
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...wait, packages[name]], {
    env,
    maxBuffer: 64 * 1024 * 1024,
  }).catch((cause: unknown) => {
    throw new Error(`${needed} It could not be installed.`, { cause })
  })
}
