import { spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

/** Stands where src/cli/main.ts stands in a checkout. */
const program = `
const [verb, ...rest]: string[] = process.argv.slice(2)
if (verb === 'exit') process.exitCode = Number(rest[0])
if (verb === 'wait') setInterval(() => {}, 1000)
console.log(JSON.stringify({ rest, folder: process.cwd(), major: process.versions.node.split('.')[0], self: import.meta.resolve('provender') }))
`

let base: string
let root: string
beforeAll(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'provender-checkout-')))
  root = join(base, 'a checkout')
  for (const each of ['bin', 'src/cli', 'elsewhere']) mkdirSync(join(root, each), { recursive: true })
  cpSync(fileURLToPath(new URL('../../bin/provender', import.meta.url)), join(root, 'bin/provender'))
  cpSync(fileURLToPath(new URL('../../package.json', import.meta.url)), join(root, 'package.json'))
  writeFileSync(join(root, 'src/cli/main.ts'), program)
})
afterAll(() => rmSync(base, { recursive: true, force: true }))

const run = (command: string, cwd: string, ...args: string[]) => spawnSync(command, args, { cwd, encoding: 'utf8' })

describe("a checkout's command", () => {
  test('says what is missing', () => {
    const { status, stdout, stderr } = run(join(root, 'bin/provender'), base)
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toBe(`provender: the dependencies of ${root} are not installed; run: npm ci --prefix "${root}"\n`)
  })

  test('runs the sources on Node 24 from any folder, through symlinks', () => {
    installNode()
    symlinkSync('a checkout/bin/provender', join(base, 'relative'))
    symlinkSync(join(base, 'relative'), join(base, 'absolute'))
    const elsewhere = join(root, 'elsewhere')
    for (const command of [
      join(root, 'bin/provender'),
      join(base, 'relative'),
      join(base, 'absolute'),
      '../bin/provender',
    ]) {
      const { status, stdout, stderr } = run(command, elsewhere, 'say', 'a b', '')
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      const self = expect.stringMatching(/a%20checkout\/src\/index\.ts$/) as string
      expect(JSON.parse(stdout)).toEqual({ rest: ['a b', ''], folder: elsewhere, major: '24', self })
    }
  })

  test('passes exit codes and SIGINT', async () => {
    installNode()
    expect(run(join(root, 'bin/provender'), base, 'exit', '11').status).toBe(11)
    const child = spawn(join(root, 'bin/provender'), ['wait'], { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)))
    child.stdout.once('data', () => child.kill('SIGINT'))
    expect(await ended).toBe('SIGINT')
  })
})

/** As npm 10 leaves it: the binary is there, node_modules/.bin/node is not. */
function installNode(): void {
  const folder = join(root, 'node_modules/node-some-platform/bin')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  symlinkSync(process.execPath, join(folder, 'node'))
}
