import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadRepository } from '../../src/definitions/load-files.ts'
import { loadTypescript } from '../../src/definitions/load-typescript.ts'
import { folder } from './repository-folder.ts'

const good = `import { entity } from 'provender'\nexport const e = entity('NAME', { key: 'string' })\n`

// What a file may do wrong, and the place and words of its error.
const wrong: readonly (readonly [file: string, text: string, at: string, message: RegExp])[] = [
  ['syntax', 'const a: = 5\n', '1:10', /^SYNTAX_ERROR .*cannot be loaded: Unexpected token/],
  ['enum', '\nexport enum A { B }\n', '2:8', /^SYNTAX_ERROR .*enum is not supported/],
  ['twice', 'const a = 1\n\n  const a = 2\n', '3:9', /^SYNTAX_ERROR .*already been declared/],
  ['throws', 'const x: number = 1\n\n  throw new Error(`boo ${x}`)\n', '3:9', /^INVALID_DEFINITION .*boo 1/],
  ['throws-text', 'throw "only text"', '1:1', /^INVALID_DEFINITION .*only text/],
  ['throws-nothing', 'throw undefined', '1:1', /^INVALID_DEFINITION .*undefined/],
  [
    'unknown-name',
    'export const a: string = "é"\nexport const b = nothere.at\n',
    '2:18',
    /^INVALID_DEFINITION .*nothere is not defined/,
  ],
  [
    'no-export',
    'import { entity,\n  entitty } from "provender"\nexport const a = entitty\n',
    '2:3',
    /^SYNTAX_ERROR .*entitty/,
  ],
  ['no-module', 'import x from "./gone.ts"\nexport const a = x\n', '1:18', /^INVALID_DEFINITION .*gone\.ts/],
  [
    'no-package',
    '\nimport x from "no-such-package"\nexport const a = x\n',
    '2:16',
    /^INVALID_DEFINITION .*no-such-package/,
  ],
  [
    'on-demand',
    'import { onDemand } from "provender"\nexport const a =\n  onDemand("risk", {})\n',
    '3:3',
    /^UNSUPPORTED on-demand risk/,
  ],
  ['imports-wrong', 'import "../lib/wrong.ts"\n', '', /^INVALID_DEFINITION .*Cannot read properties of null/],
  ['exits', 'process.exit(0)\n', '1:1', /^INVALID_DEFINITION .*ended its process/],
  ['never', 'await new Promise(() => {})\n', '1:1', /^INVALID_DEFINITION .*ended its process/],
  [
    'later',
    'setTimeout(() => { throw new Error("later") }, 1)\nawait new Promise((r) => setTimeout(r, 5000))\n',
    '1:1',
    /^INVALID_DEFINITION .*later/,
  ],
]

test('a file that cannot be loaded is an error at its place, and the others are loaded', async () => {
  const dir = folder({
    'provender.yaml': 'project: x',
    'lib/wrong.ts': '\n\nexport const x = (null as unknown as { y: 1 }).y\n',
    'features/a.ts': good.replace('NAME', 'first'),
    'features/z.ts': good.replace('NAME', 'last'),
    ...Object.fromEntries(wrong.map(([file, text]) => [`features/${file}.ts`, text])),
  })
  const { definitions, errors } = await loadRepository(dir, {})
  expect([...definitions.entities.keys()]).toEqual(['first', 'last'])
  expect(errors).toHaveLength(wrong.length)
  for (const [file, , at, message] of wrong) {
    const place = at === '' ? 'lib/wrong.ts:3:48' : `features/${file}.ts:${at}`
    const error = errors.find((one) => one.at === place)
    expect(`${error?.code} ${error?.message}`).toMatch(message)
    expect(error?.message).not.toContain(dir)
  }
})

test('a file that hangs is stopped', async () => {
  const dir = folder({
    'a.ts': good.replace('NAME', 'first'),
    'b.ts': 'for (;;) {}',
    'c.ts': 'await new Promise((r) => setTimeout(r, 60_000))',
    'd.ts': good.replace('NAME', 'last'),
  })
  const startedAt = performance.now()
  const loaded = await loadTypescript(
    ['a.ts', 'b.ts', 'c.ts', 'd.ts'].map((name) => join(dir, name)),
    1500,
  )
  expect(performance.now() - startedAt).toBeLessThan(20_000)
  expect(loaded.map(({ file }) => file)).toEqual(['a.ts', 'b.ts', 'c.ts', 'd.ts'].map((name) => join(dir, name)))
  expect(loaded.map(({ thrown }) => thrown?.message)).toEqual([
    undefined,
    'it did not end within 1.5 s',
    'it did not end within 1.5 s',
    undefined,
  ])
  expect(loaded.map(({ definitions }) => definitions.length)).toEqual([1, 0, 0, 1])
})

test('what a file prints goes to standard error, whatever loads it', () => {
  const dir = folder({ 'a.ts': 'console.log("printed by a definition")' })
  const loader = new URL('../../src/definitions/load-typescript.ts', import.meta.url).href
  const script = `const { loadTypescript } = await import(${JSON.stringify(loader)}); await loadTypescript([${JSON.stringify(join(dir, 'a.ts'))}]); console.log('data')`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect([stdout, stderr]).toEqual(['data\n', 'printed by a definition\n'])
})

test('every export that is a definition counts, once', async () => {
  const dir = folder({
    'a.ts': `import { entity, source } from 'provender'
export const one = entity('one', { key: 'string' })
export const same = one
const two = entity('two', { key: 'string' })
export default two
export const list = [entity('three', { key: 'string' })]
export const nothing = null
export const view = { kind: 'view', name: 'fake', definition: {} }
export function make() { return source }
`,
    'b.ts': `export { one } from './a.ts'\n`,
  })
  const loaded = await loadTypescript([join(dir, 'a.ts'), join(dir, 'b.ts')])
  expect(
    loaded.map(({ definitions }) => definitions.map((definition) => [definition.export, definition.document])),
  ).toEqual([
    [
      ['default', { entities: { two: { key: 'string' } } }],
      ['one', { entities: { one: { key: 'string' } } }],
    ],
    [],
  ])
})
