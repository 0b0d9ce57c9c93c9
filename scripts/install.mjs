// Brings node_modules up to the lock file, then lets the npm script go on with the Node 24 that lies in it.
//
// npm scripts start this file with whatever Node runs npm, so it has no dependencies and keeps to what Node 20 can do.
// An install is stale when the lock file's hash differs from the stamp that the last install left behind.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const lockFile = join(root, 'package-lock.json')
const stampFile = join(root, 'node_modules', '.provender-install')
const node24 = join(root, 'node_modules', '.bin', 'node')

// npm silently leaves out a platform binary whose `engines` exclude the Node that runs npm; the oldest that none excludes.
const OLDEST_NODE_FOR_BINARIES = { major: 20, minor: 19 }

const wanted = createHash('sha256')
  .update(readFileSync(lockFile))
  .update(process.platform)
  .update(process.arch)
  .digest('hex')
if (!isFresh()) install()

function isFresh() {
  return existsSync(node24) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted
}

function install() {
  process.stderr.write(`${existsSync(node24) ? 'Updating' : 'Installing'} dependencies (npm ci) …\n`)
  const script = npmScript()
  if (script === undefined) runNpmCi('npm', [])
  else runNpmCi(process.execPath, [script])
  if (isTooOld(process.versions.node)) againUnderNode24(script)
  if (!existsSync(node24)) {
    stop(
      `no Node 24 for ${process.platform}-${process.arch} was installed: add one to tools/package.json, or check that npm installs optional dependencies`,
    )
  }
  writeFileSync(stampFile, wanted)
}

/** The JavaScript of the npm that started this script; undefined when it was started without npm. */
function npmScript() {
  const script = process.env.npm_execpath
  return script !== undefined && /npm-cli\.[cm]?js$/.test(script) ? script : undefined
}

/** @param {string} version as in `process.versions.node` */
function isTooOld(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const oldest = OLDEST_NODE_FOR_BINARIES
  return major < oldest.major || (major === oldest.major && minor < oldest.minor)
}

/**
 * `npm ci` empties node_modules, the Node 24 that runs it included: it runs from a copy.
 *
 * @param {string | undefined} script
 */
function againUnderNode24(script) {
  if (script === undefined || !existsSync(node24)) return
  const folder = mkdtempSync(join(tmpdir(), 'provender-node-'))
  try {
    const copy = join(folder, 'node')
    copyFileSync(node24, copy)
    runNpmCi(copy, [script])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function runNpmCi(command, args) {
  // stdout belongs to the command that the user asked for.
  const result = spawnSync(command, [...args, 'ci', '--no-audit', '--no-fund'], { cwd: root, stdio: ['ignore', 2, 2] })
  if (result.error) stop(`npm could not be started: ${result.error.message}`)
  if (result.status !== 0) stop('npm ci failed; its messages stand above')
}

/** @param {string} message */
function stop(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
