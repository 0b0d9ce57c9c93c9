import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { commands } from '../../src/cli/commands.ts'
import { errorTable } from '../../src/kernel/errors.ts'
import { documentOf, json, run } from '../support/command-line.ts'
import { type Folder, newFolder } from './shop.ts'

let folder: Folder
beforeAll(() => {
  folder = newFolder()
})
afterAll(() => folder.remove())

test('help lists every command, on stdout when it was asked for', async () => {
  const [asked, bare, ofOne] = await Promise.all([
    run(folder.dir, ['--help']),
    run(folder.dir, []),
    run(folder.dir, ['help', 'push']),
  ])
  expect(asked).toMatchObject({ exit: 0, stderr: '' })
  for (const { name, summary } of commands)
    expect(asked.stdout).toMatch(new RegExp(`^  ${name} .*${summary.slice(0, 30)}`, 'm'))
  expect(bare).toMatchObject({ exit: 2, stdout: '', stderr: asked.stdout })
  expect(ofOne).toMatchObject({ exit: 0, stderr: '' })
  expect(ofOne.stdout).toContain('--idempotency-key')
  for (const { name, examples } of commands) {
    expect([name, examples.length > 0]).toEqual([name, true])
    for (const example of examples) expect(example).toContain(`provender ${name}`)
  }
  expect(ofOne.stdout).toMatch(/\nExamples:\n {2}provender push last_purchase rows\.jsonl\n/)
})

test('help loads no engine, no grammar and nothing else that takes long', () => {
  const main = new URL('../../src/cli/main.ts', import.meta.url)
  const program = `
    import { registerHooks } from 'node:module'
    registerHooks({ load: (url, context, next) => { process.stderr.write(url + '\\n'); return next(url, context) } })
    process.argv.push('provender', '--help')
    await import(${JSON.stringify(main.href)})`
  const flags = ['--conditions=provender-source', '--disable-warning=ExperimentalWarning', '--input-type=module']
  const { stderr, status } = spawnSync(process.execPath, [...flags, '--eval', program], { encoding: 'utf8' })
  const files = stderr.split('\n').filter((line) => line.startsWith('file:'))
  expect(status).toBe(0)
  expect(files).toContain(new URL('command-line.ts', main).href)
  expect(files.filter((file) => /duckdb|lmdb|zod|yaml|string-width|fastify|\/src\/(?!cli|kernel)/.test(file))).toEqual(
    [],
  )
})

test.each([
  { args: ['fly'], says: 'There is no command "fly"' },
  { args: ['materialise'], says: 'provender materialize' },
  { args: ['run'], says: "missing required argument 'id'" },
  { args: ['ls', '--everything'], says: "unknown option '--everything'" },
  { args: ['runs', '--limit', 'many'], says: '"many" is not a whole number' },
  { args: ['train', 'v'], says: 'There is no spine' },
  { args: ['train', 'v', '--spine', 'a.csv', '--snapshot', '2026-01-01'], says: 'exclude one another' },
  { args: ['train', 'v', '--spine', 'missing.csv'], says: 'There is no file missing.csv' },
  { args: ['train', 'v', '--snapshot', '2026-01-01', '--out', 'x.xls'], says: 'The format of x.xls' },
  { args: ['push', 'v', 'rows.txt'], says: 'The format of rows.txt' },
  { args: ['get', 'airport=ORD'], says: 'No features are named' },
  { args: ['init', 'x', '--url', 'http://127.0.0.1:1'], says: 'not with --url' },
  { args: ['serve', '--port', '70000'], says: '70000 is not a port' },
])('provender $args is a usage error', async ({ args, says }) => {
  const { exit, stdout, stderr } = await run(folder.dir, [...args, '--json'])
  expect({ exit, stderr }).toEqual({ exit: 2, stderr: '' })
  expect(documentOf(stdout)).toMatchObject({ code: 'USAGE', status: 400 })
  expect(stdout).toContain(JSON.stringify(says).slice(1, -1))
})

test('an error for people names the code, what happened and the fix, on stderr', async () => {
  const { exit, stdout, stderr } = await run(folder.dir, ['runs', '--limit', 'many'])
  expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' })
  expect(stderr).toBe('x USAGE  "many" is not a whole number\n  Fix: See provender --help. (provender explain USAGE)\n')
})

test('outside of a repository, and with --url, it says so', async () => {
  const [outside, elsewhere, remote] = await Promise.all([
    run(folder.dir, ['plan']),
    run(folder.dir, ['ls', '--dir', 'nowhere', '--json']),
    run(folder.dir, ['ls', '--url', 'http://127.0.0.1:1', '--json']),
  ])
  expect(outside).toMatchObject({ exit: 3, stdout: '' })
  expect({ ...remote, stdout: documentOf(remote.stdout) }).toMatchObject({
    exit: 5,
    stdout: { code: 'STORE_UNREACHABLE' },
  })
  expect({ ...elsewhere, stdout: documentOf(elsewhere.stdout) }).toMatchObject({
    exit: 3,
    stdout: { code: 'NO_REPOSITORY' },
  })
})

test('explain tells every code, and the nearest of a mistyped one', async () => {
  const [known, written, unknown] = await Promise.all([
    json(folder.dir, ['explain', 'REGISTRY_CONFLICT']),
    run(folder.dir, ['explain', 'unknown-entity']),
    run(folder.dir, ['explain', 'UNKNOWN_ENTITI']),
  ])
  expect(known).toEqual({ code: 'REGISTRY_CONFLICT', ...errorTable.REGISTRY_CONFLICT })
  expect(written).toMatchObject({ exit: 0 })
  expect(written.stdout).toContain(errorTable.UNKNOWN_ENTITY.remedy)
  expect(unknown).toMatchObject({ exit: 4, stdout: '' })
  expect(unknown.stderr).toContain('Did you mean UNKNOWN_ENTITY?')
})
