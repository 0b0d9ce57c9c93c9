import { execFile } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Command } from '@commander-js/extra-typings'
import { completionAnswer } from '../../src/cli/completion/answer.ts'
import { Session } from '../../src/cli/session.ts'
import { silent } from '../support/silent-terminal.ts'
import { documentOf, json, run } from '../support/command-line.ts'
import { type Folder, newFolder, newShop } from './shop.ts'

let shop: Folder
beforeAll(async () => {
  shop = newShop()
  await json(shop.dir, ['apply', '--yes'])
  await json(shop.dir, ['materialize', 'price'])
  rmSync(join(shop.dir, '.provender/offline'), { recursive: true })
  rmSync(join(shop.dir, '.provender/online'), { recursive: true })
})
afterAll(() => shop.remove())

const valuesOf = (answer: string): string[] =>
  answer
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t')[0] ?? '')

/** The values that the last word may become, and what its shell is told. */
async function completed(words: readonly string[], cwd = shop.dir): Promise<string[]> {
  const { exit, stdout, stderr } = await run(cwd, ['complete', '--', ...words])
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
  return valuesOf(stdout)
}

/** Words, and what the last one may become. */
const cases: readonly (readonly [readonly string[], readonly string[]])[] = [
  [['m'], ['materialize', ':4']],
  [['--u'], ['--url', ':4']],
  [['--dir', ''], [':0']],
  [
    ['get', 'l'],
    ['last_purchase', ':4'],
  ],
  [
    ['get', 'mo'],
    ['model', ':4'],
  ],
  [
    ['get', 'price:'],
    ['price:price', 'price:label', ':4'],
  ],
  [
    ['get', 'price:price', ''],
    ['country=', 'shelf_no=', ':6'],
  ],
  [
    ['get', 'price', 'country=DE', ''],
    ['shelf_no=', ':6'],
  ],
  [
    ['get', 'model', ''],
    ['customer=', 'country=', 'shelf_no=', ':6'],
  ],
  [['delete', 'm'], [':4']],
  [['get', '--batch', ''], [':0']],
  [
    ['get', '--fu'],
    ['--full-names', ':4'],
  ],
  [
    ['--json', 'train', 'model', '--known-by', ''],
    ['spine', ':4'],
  ],
  [
    ['materialize', 'price', ''],
    ['last_purchase', ':4'],
  ],
  [
    ['push', 'pur'],
    ['purchases', ':4'],
  ],
  [['push', 'purchases', ''], [':0']],
  [
    ['push', '--to', 'on'],
    ['online', ':4'],
  ],
  [
    ['runs', '--view', 'p'],
    ['price', ':4'],
  ],
  [
    ['show', 'sh'],
    ['shelf', ':4'],
  ],
  [
    ['ls', 'vi'],
    ['views', ':4'],
  ],
  [
    ['rollback', ''],
    ['1', ':4'],
  ],
  [
    ['explain', 'NO_RE'],
    ['NO_REPOSITORY', ':4'],
  ],
  [
    ['completion', 'f'],
    ['fish', ':4'],
  ],
  [['nonsense', ''], [':4']],
  [[''], expect.arrayContaining(['init', 'dev', 'doctor', ':4']) as string[]],
]

test('commands, options, values and names are completed from the registry, by what may stand there', async () => {
  const program = new Command().option('--dir <dir>').option('--url <url>').option('--json')
  const session = new Session(silent, () => ({}), '')
  const answers: unknown[] = []
  for (const [words] of cases)
    answers.push(valuesOf(await completionAnswer(session, program, ['--dir', shop.dir, ...words])))
  expect(answers).toEqual(cases.map(([, expected]) => expected))
  expect(await completed(['run', ''])).toEqual([expect.stringMatching(/^run_/), ':4'])
  // Names are read from metadata alone.
  expect([existsSync(join(shop.dir, '.provender/offline')), existsSync(join(shop.dir, '.provender/online'))]).toEqual([
    false,
    false,
  ])
})

test('where nothing can be known nothing is offered, made or said', async () => {
  const empty = newFolder()
  const fresh = newShop()
  expect(await completed(['get', ''], empty.dir)).toEqual([':4'])
  expect(await completed(['get', ''], fresh.dir)).toEqual([':4'])
  expect(await completed(['--url', 'http://127.0.0.1:1', 'get', ''])).toEqual([':4'])
  expect(await completed(['--dir', fresh.dir, 'get', ''])).toEqual([':4'])
  expect(await completed(['--dir', shop.dir, 'get', 'mo'], empty.dir)).toEqual(['model', ':4'])
  expect(existsSync(join(fresh.dir, '.provender'))).toBe(false)
  empty.remove()
  fresh.remove()
})

const bin = fileURLToPath(new URL('../../bin', import.meta.url))

/** What bash replaces the word at the end of a line by. */
async function inBash(line: string): Promise<string[]> {
  // As bash itself cuts a line into words: at `:` and `=`, too.
  const words = line.split(/\s+|(?<=[:=])|(?=[:=])/)
  const script = `source <(provender completion bash 2> /dev/null); source <(provender completion bash 2> /dev/null)
    COMP_LINE="$1"; COMP_POINT=\${#COMP_LINE}; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    complete -p provender > /dev/null && _provender_completion && printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr } = await promisify(execFile)('bash', ['--norc', '-c', script, 'bash', line, ...words], {
    cwd: shop.dir,
    env: { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}` },
  })
  expect(stderr).toBe('')
  return stdout.split('\n').filter((each) => each !== '')
}

test('bash, with the script sourced', async () => {
  expect(
    await Promise.all([
      inBash('provender mat'),
      inBash('provender get price:la'),
      inBash('provender get price country=DE sh'),
      inBash('provender show '),
      // What is typed is never run.
      inBash(`provender get $(touch${'\u00a0'}x) `),
    ]),
  ).toEqual([
    ['materialize'],
    ['label'],
    ['shelf_no='],
    expect.arrayContaining(['price', 'model', 'purchases', 'customer']),
    [],
  ])
})

test('every shell has a script', async () => {
  const scripts = await Promise.all(
    ['bash', 'zsh', 'fish', 'powershell'].map(async (shell) => run(shop.dir, ['completion', shell])),
  )
  for (const { exit, stdout } of scripts)
    expect({ exit, asks: /complete.*--/.test(stdout) }).toEqual({ exit: 0, asks: true })
  expect(await json(shop.dir, ['completion', 'fish'])).toEqual({ shell: 'fish', script: scripts[2]?.stdout })
  const unknown = await run(shop.dir, ['completion', 'fishy', '--json'])
  expect({ exit: unknown.exit, ...(documentOf(unknown.stdout) as object) }).toMatchObject({
    exit: 2,
    code: 'USAGE',
    remedy: 'Did you mean fish?',
  })
})
