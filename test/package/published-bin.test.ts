import { spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { complaintAbout } from '../../bin/node-version.js'

/** Stands where dist/cli/main.js stands in the package: says what it was given and does what its first argument names. */
const program = `
import { getCompileCacheDir } from 'node:module'
const [verb, ...rest] = process.argv.slice(2)
if (verb === 'exit') process.exitCode = Number(rest[0])
if (verb === 'warn') {
  process.emitWarning('not yours to mend', 'ExperimentalWarning')
  process.emitWarning('nor this', { type: 'ExperimentalWarning' })
  process.emitWarning('yours', 'DeprecationWarning')
}
if (verb === 'wait') setInterval(() => {}, 1000)
if (verb === 'fail') throw new Error('on purpose')
console.log(JSON.stringify({ rest, cache: getCompileCacheDir() !== undefined }))
`

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'provender-bin-'))
  cpSync(fileURLToPath(new URL('../../bin', import.meta.url)), join(folder, 'bin'), { recursive: true })
  mkdirSync(join(folder, 'dist/cli'), { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'dist/cli/main.js'), program)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const bin = (): string => join(folder, 'bin/provender.js')
const run = (node: string, ...args: string[]) => spawnSync(node, [bin(), ...args], { encoding: 'utf8', cwd: folder })

describe('the published command', () => {
  test('passes arguments and keeps compiled code', () => {
    const { status, stdout } = run(process.execPath, 'say', '--json', 'a b')
    expect(JSON.parse(stdout)).toEqual({ rest: ['--json', 'a b'], cache: true })
    expect(status).toBe(0)
  })

  test('passes exit codes', () => {
    expect(run(process.execPath, 'exit', '7').status).toBe(7)
    const failed = run(process.execPath, 'fail')
    expect(failed).toMatchObject({ status: 1, stdout: '' })
    expect(failed.stderr).toContain('on purpose')
  })

  test('hides what Node calls experimental, and no other warning', () => {
    const { stderr } = run(process.execPath, 'warn')
    expect(stderr).toContain('yours')
    expect(stderr).not.toMatch(/Experimental|mend|nor this/)
  })

  test('ends on SIGINT', async () => {
    const child = spawn(process.execPath, [bin(), 'wait'], { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)))
    child.stdout.once('data', () => child.kill('SIGINT'))
    expect(await ended).toBe('SIGINT')
  })
})

describe('an old Node', () => {
  test.each(['12.22.12', '20.20.2', '23.11.1'])('%s gets one sentence', (version) => {
    const sentence = `provender needs Node.js 24 or newer, and this is Node.js ${version}.`
    expect(complaintAbout(version)).toBe(sentence)
  })

  test.each(['24.0.0', '24.20.0', '26.1.0'])('%s is new enough', (version) => {
    expect(complaintAbout(version)).toBe('')
  })

  test('says it from the command itself, wherever one is on PATH', () => {
    for (const { node, version } of nodesOnPath()) {
      const { status, stdout, stderr } = run(node, 'say')
      const expected = complaintAbout(version)
      if (expected === '') expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      else expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: '', stderr: `${expected}\n` })
    }
  })
})

/** This Node, and every other one that PATH leads to. */
function nodesOnPath(): { node: string; version: string }[] {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return [process.execPath, ...folders.map((each) => join(each, 'node'))].flatMap((node) => {
    const { status, stdout } = spawnSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' })
    return status === 0 ? [{ node, version: stdout.trim() }] : []
  })
}
