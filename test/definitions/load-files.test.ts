import { mkdirSync, renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadRepository } from '../../src/definitions/load-files.ts'
import { folder, write } from './repository-folder.ts'

const said = async (dir: string): Promise<string[]> =>
  (await loadRepository(dir, {})).errors.map((error) => `${error.code} ${error.at} ${error.message}`)

const yaml = 'sources:\n  flights: { type: parquet, path: data/x.parquet, timestamp: landed_at }\n'
const typescript = `import { entity, featureView, featureService, source } from 'provender'
import type { NotThere } from 'provender'
import { shared } from '../shared/helper.ts'

export const airport = entity('airport', { key: 'string' })
export const delays = featureView('delays', { entities: [airport, shared], source: 'flights', features: { delay: 'int32' } } satisfies object)
export const model = featureService('model', { features: [delays.alias('o').feature('delay')] })
export const notOne: NotThere | number = 5
export { shared as again }
`
const helper = `import { entity } from 'provender'\nexport const shared = entity('shared', { key: { shared_id: 'int64' } })\n`

test('provender.yaml, YAML and TypeScript make one set of definitions', async () => {
  const dir = folder({
    'provender.yaml': 'project: x\nservices: { all: { features: [delays] } }\n',
    'features/a.yml': yaml,
    'features/deep/er/b.yaml': 'entities: { driver: { key: int64 } }',
    'features/c.ts': typescript,
    'shared/helper.ts': helper,
    'features/notes.md': '# no definitions',
    'features/c.d.ts': 'not even TypeScript',
    'features/.hidden/d.yaml': 'not: valid',
    'features/node_modules/e.yaml': 'not: valid',
    'data/f.yaml': 'not: valid',
  })
  const { config, definitions, errors, files } = await loadRepository(dir, {})
  expect(errors).toEqual([])
  expect(config?.project).toBe('x')
  expect(files).toEqual(['provender.yaml', 'features/a.yml', 'features/c.ts', 'features/deep/er/b.yaml'])
  expect([
    [...definitions.entities.keys()],
    [...definitions.sources.keys()],
    [...definitions.views.keys()],
    [...definitions.services.keys()],
  ]).toEqual([['airport', 'driver', 'shared'], ['flights'], ['delays'], ['all', 'model']])
  expect(definitions.services.get('model')?.features).toEqual(['delays@o:delay'])
})

test('a repository without features is empty', async () => {
  expect(await said(folder({ 'provender.yaml': 'project: x' }))).toEqual([])
  await expect(loadRepository(folder({ 'features/a.yaml': '' }), {})).rejects.toMatchObject({ code: 'NO_REPOSITORY' })
})

test('TypeScript loads wherever the repository lies', async () => {
  const files = {
    'provender.yaml': 'project: x',
    'features/a.yaml': yaml,
    'features/c.ts': typescript,
    'shared/helper.ts': helper,
  }
  const plain = folder(files)
  const commonjs = folder({ ...files, 'package.json': '{"type": "commonjs"}' })
  const installed = join(folder({}), 'node_modules/pkg')
  write(installed, files)
  // The file is a link to one elsewhere, from where neither `provender` nor the helper would be found by itself.
  const linked = folder({
    'provender.yaml': 'project: x',
    'features/a.yaml': yaml,
    'real/shared/helper.ts': helper,
    'real/defs/c.ts': typescript,
  })
  symlinkSync(join(linked, 'real/defs/c.ts'), join(linked, 'features/c.ts'))
  const linkedFolder = folder({
    'provender.yaml': 'project: x',
    'elsewhere/a.yaml': yaml,
    'elsewhere/c.ts': typescript,
    'shared/helper.ts': helper,
  })
  symlinkSync(join(linkedFolder, 'elsewhere'), join(linkedFolder, 'features'))
  const parent = folder({})
  const behindLink = join(parent, 'link')
  symlinkSync(plain, behindLink)
  const spaced = join(parent, 'with space #1 é%20')
  write(spaced, files)
  const loaded = await Promise.all(
    [plain, commonjs, installed, linked, linkedFolder, behindLink, spaced].map((dir) => loadRepository(dir, {})),
  )
  for (const { errors, definitions } of loaded) {
    expect(errors).toEqual([])
    expect(definitions).toEqual(loaded[0]?.definitions)
  }
})

test('a folder that links to itself is entered once', async () => {
  const dir = folder({ 'provender.yaml': 'project: x', 'features/a.yaml': yaml })
  symlinkSync('.', join(dir, 'features/loop'))
  symlinkSync('/does/not/exist', join(dir, 'features/broken.yaml'))
  const { errors, files } = await loadRepository(dir, {})
  expect([errors, files]).toEqual([[], ['provender.yaml', 'features/a.yaml']])
})

test('files are loaded anew each time', async () => {
  const dir = folder({ 'provender.yaml': 'project: x', 'features/a.ts': helper })
  expect([...(await loadRepository(dir, {})).definitions.entities.keys()]).toEqual(['shared'])
  write(dir, { 'features/a.ts': helper.replace("'shared'", "'other'") })
  expect([...(await loadRepository(dir, {})).definitions.entities.keys()]).toEqual(['other'])
  mkdirSync(join(dir, 'features/x'))
  renameSync(join(dir, 'features/a.ts'), join(dir, 'features/x/b.ts'))
  expect((await loadRepository(dir, {})).files).toEqual(['provender.yaml', 'features/x/b.ts'])
})

test('errors of all files come at once, each at its place', async () => {
  const dir = folder({
    'provender.yaml': 'project: x\nserver: { prt: 1 }\nservices: { m: { features: [none] } }',
    'features/a.yaml': 'views: { v: { entities: [airprt], source: flights, features: { a: int32 } } }',
    'features/b.ts': `import { entity, featureView, source } from 'provender'
const airport = entity('airport', { key: 'string' })
export { airport }
export const flights = source.csv('flights', { path: '', timestamp: 't' })
export const view = featureView('v', {
  entities: [airport],
  source: flights,
  keys: { airprt: 'x' },
  ttl: '2 days',
  features: {
    delay: { type: 'int3', column: 'x' },
    'Late': 'int32',
  },
})
`,
  })
  expect(await said(dir)).toEqual([
    'UNKNOWN_FIELD provender.yaml:2:11 provender.yaml, server has no field "prt"',
    'UNKNOWN_VIEW provender.yaml:3:29 service m names the view "none", which does not exist',
    'UNKNOWN_ENTITY features/a.yaml:1:26 view v names the entity "airprt", which does not exist',
    'INVALID_DEFINITION features/b.ts:4:54 source flights, path: must not be empty',
    'DUPLICATE_NAME features/b.ts:5:14 view v is defined twice; first at features/a.yaml:1:10',
    'UNKNOWN_JOIN_KEY features/b.ts:8:11 view v maps the join key "airprt", which its entities do not have',
    'INVALID_DEFINITION features/b.ts:9:8 view v, ttl: "2 days" is not a duration',
    'INVALID_DEFINITION features/b.ts:11:20 view v, features.delay.type: "int3" is not a type',
    'INVALID_NAME features/b.ts:12:6 view v, features.Late: "Late" is not a name',
  ])
})

test('a file that is no text, or too large, is said so', async () => {
  const dir = folder({
    'provender.yaml': 'project: x',
    'features/a.yaml': Uint8Array.of(0x61, 0xff, 0xfe),
    'features/b.ts': Uint8Array.of(0xc3),
    'features/c.yaml': ' '.repeat(9 * 2 ** 20),
  })
  expect(await said(dir)).toEqual([
    'SYNTAX_ERROR features/a.yaml:1:1 features/a.yaml cannot be read: it is not UTF-8',
    'SYNTAX_ERROR features/c.yaml:1:1 features/c.yaml is larger than 8 MiB',
    'SYNTAX_ERROR features/b.ts:1:1 features/b.ts cannot be read: it is not UTF-8',
  ])
})

test('the configuration’s syntax error is the only one of its file', async () => {
  const dir = folder({ 'provender.yaml': 'project: {', 'features/a.yaml': 'services: { m: { features: [none] } }' })
  expect(await said(dir)).toEqual([expect.stringMatching(/^SYNTAX_ERROR provender\.yaml:1:/)])
})
