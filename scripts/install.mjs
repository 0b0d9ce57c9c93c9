// Brings node_modules up to the lock file, then lets the npm script go on with the Node 24 that lies in it.
//
// npm scripts start this file with whatever Node runs npm, so it has no dependencies and keeps to what Node 20 can do.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** @typedef {{ version?: string, integrity?: string, optional?: boolean, os?: unknown, cpu?: unknown, libc?: unknown }} Locked */

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const node24 = join(root, 'node_modules', '.bin', 'node')

if (!isInstalled()) install()
if (!linkNode24()) {
  const platform = `${process.platform}-${process.arch}`
  stop(`No Node 24 for ${platform} was installed: add one to tools/package.json, or let npm install optional packages.`)
}

function install() {
  process.stderr.write('Installing dependencies (npm ci) …\n')
  const script = npmScript()
  if (script === undefined) npmCi('npm', [])
  else npmCi(process.execPath, [script])
  // npm silently leaves out a platform binary whose `engines` exclude the Node that runs npm (20.18 and older: several).
  if (!isInstalled() && script !== undefined && linkNode24()) npmCiUnderNode24(script)
}

/** npm 11 links the binary of tools/ itself, npm 10 forgets to. */
function linkNode24() {
  if (existsSync(node24)) return true
  const { optionalDependencies } = /** @type {{ optionalDependencies: Record<string, string> }} */ (
    JSON.parse(readFileSync(join(root, 'tools', 'package.json'), 'utf8'))
  )
  const name = Object.keys(optionalDependencies).find((each) => existsSync(binaryOf(each)))
  if (name === undefined) return false
  mkdirSync(dirname(node24), { recursive: true })
  rmSync(node24, { force: true })
  symlinkSync(relative(dirname(node24), binaryOf(name)), node24)
  return true
}

/** @param {string} name of a package of tools/ */
function binaryOf(name) {
  return join(root, 'node_modules', name, 'bin', 'node')
}

/**
 * Whether node_modules holds all that the lock file demands here: npm keeps what it installed in a lock file of its own.
 */
function isInstalled() {
  const hidden = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(hidden)) return false
  const present = packagesOf(hidden)
  return Object.entries(packagesOf(join(root, 'package-lock.json'))).every(([path, locked]) => {
    const found = present[path]
    if (found === undefined) return path === '' || (locked.optional === true && !isForHere(locked))
    return found.version === locked.version && found.integrity === locked.integrity
  })
}

/**
 * @param {string} lockFile
 * @returns {Record<string, Locked>}
 */
function packagesOf(lockFile) {
  const lock = /** @type {{ packages: Record<string, Locked> }} */ (JSON.parse(readFileSync(lockFile, 'utf8')))
  return lock.packages
}

/** @param {Locked} locked an optional package: a binary for one platform, or a fallback for platforms without one */
function isForHere({ os, cpu, libc }) {
  if (os === undefined || cpu === undefined) return false
  return (
    includes(os, process.platform) && includes(cpu, process.arch) && (libc === undefined || includes(libc, libcHere()))
  )
}

/**
 * @param {unknown} names one name or several
 * @param {string} name
 */
function includes(names, name) {
  return Array.isArray(names) ? names.includes(name) : names === name
}

function libcHere() {
  const report = /** @type {{ header?: { glibcVersionRuntime?: string } }} */ (process.report.getReport())
  return report.header?.glibcVersionRuntime === undefined ? 'musl' : 'glibc'
}

/** The JavaScript of the npm that started this script; undefined when it was started without npm. */
function npmScript() {
  const script = process.env.npm_execpath
  return script !== undefined && /npm-cli\.[cm]?js$/.test(script) ? script : undefined
}

/**
 * `npm ci` empties node_modules, the Node 24 that runs it included: it runs from a copy.
 *
 * @param {string} script
 */
function npmCiUnderNode24(script) {
  const folder = mkdtempSync(join(tmpdir(), 'provender-node-'))
  try {
    const copy = join(folder, 'node')
    copyFileSync(node24, copy)
    npmCi(copy, [script])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function npmCi(command, args) {
  // stdout belongs to the command that the user asked for; warnings are about Nodes that nothing here runs on.
  const all = [...args, 'ci', '--no-audit', '--no-fund', '--loglevel=error']
  const result = spawnSync(command, all, { cwd: root, stdio: ['ignore', 2, 2] })
  if (result.error) stop(`npm could not be started: ${result.error.message}`)
  if (result.status !== 0) stop('npm ci failed; its messages stand above.')
}

/** @param {string} message */
function stop(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
