import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Long, because npm may have to fetch the dependencies (DuckDB alone is 70 MB). */
const INSTALL_TIMEOUT_MS = 300_000

let base: string
let app: string
let packed: readonly string[]

beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'provender-pack-'))
  app = join(base, 'app')
  mkdirSync(app)
  run(process.execPath, ['scripts/build.ts'], root)
  const [tarball] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', base], root),
  ) as [{ filename: string; files: { path: string }[] }]
  packed = tarball.files.map(({ path }) => path)
  writeFileSync(join(app, 'package.json'), '{ "name": "app", "private": true, "type": "module" }')
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', join(base, tarball.filename)], app)
}, INSTALL_TIMEOUT_MS)
afterAll(() => rmSync(base, { recursive: true, force: true }))

describe('the tarball', () => {
  test('holds what users need and nothing else', () => {
    const allowed =
      /^(?:package\.json|README\.md|CHANGELOG\.md|LICENSE|bin\/[a-z-]+\.js|dist\/.+\.(?:js|d\.ts)|dist\/server\/swagger-ui\/(?:swagger-ui\.css|swagger-ui-bundle\.js\.LICENSE\.txt|LICENSE|NOTICE)|docs\/(?:guide|reference)\/[\w.-]+\.(?:md|json)|docs\/benchmarks\.md|examples\/flights\/(?:provender\.yaml|DATA-LICENCE\.md|(?:features|data)\/.+))$/
    expect(packed.filter((path) => !allowed.test(path))).toEqual([])
    expect(packed).toEqual(expect.arrayContaining(['LICENSE', 'bin/provender.js', 'dist/index.js', 'dist/index.d.ts']))
    expect(packed).toEqual(expect.arrayContaining(['dist/cli/main.js', 'dist/testing/index.js']))
    const page = ['swagger-ui.css', 'swagger-ui-bundle.js', 'LICENSE', 'NOTICE']
    expect(packed).toEqual(expect.arrayContaining(page.map((file) => `dist/server/swagger-ui/${file}`)))
  })

  test('names no TypeScript file that it does not hold', () => {
    const installed = join(app, 'node_modules/provender/dist')
    const scripts = readdirSync(installed, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.js'))
    expect(scripts.length).toBeGreaterThan(20)
    const naming = scripts.filter((path) =>
      /['"`]\.{1,2}\/[^'"`\s]*[^d]\.ts['"`]/.test(readFileSync(join(installed, path), 'utf8')),
    )
    expect(naming).toEqual([])
  })
})

describe('installed in an empty folder', () => {
  test('provender init writes a repository that provender validate accepts', () => {
    const provender = join(app, 'node_modules/.bin/provender')
    run(provender, ['init', 'store'], app)
    expect(existsSync(join(app, 'store/provender.yaml'))).toBe(true)
    const validated = JSON.parse(run(provender, ['validate', '--json'], join(app, 'store'))) as unknown
    expect(validated).toEqual({ ok: true, errors: [] })
  })

  test('both exports can be imported', () => {
    const code = `
      const door = await import('provender'), testing = await import('provender/testing')
      console.log(JSON.stringify({ open: typeof door.openStore, kits: Object.keys(testing).length > 0 }))`
    const printed = run(process.execPath, ['--input-type=module', '--eval', code], app)
    expect(JSON.parse(printed)).toEqual({ open: 'function', kits: true })
  })

  test('the declarations are found and sound', () => {
    const compilerOptions = {
      module: 'nodenext',
      target: 'es2024',
      lib: ['es2024', 'esnext.disposable'],
      strict: true,
      noEmit: true,
    }
    const types = [join(root, 'node_modules/@types/node')]
    const config = { compilerOptions: { ...compilerOptions, types, skipLibCheck: true }, files: ['use.ts'] }
    writeFileSync(join(app, 'tsconfig.json'), JSON.stringify(config))
    writeFileSync(
      join(app, 'use.ts'),
      `import { openStore } from 'provender'
import * as testing from 'provender/testing'
await using store = await openStore('.')
// @ts-expect-error: proves that the store is typed
store.nothingOfThatName()
export const kits: object = testing
`,
    )
    expect(run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.'], app)).toBe('')
  })
})

/** Runs a program on this Node as a user's shell would, without what `npm test` leaves in the environment; its stdout. */
function run(command: string, args: readonly string[], cwd: string): string {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(?:npm_(?!config_(?:registry|cache|userconfig)$)|INIT_CWD$|NODE_OPTIONS$)/.test(name),
  )
  const env = { ...Object.fromEntries(kept), PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter) }
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, env, encoding: 'utf8' })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${[command, ...args].join(' ')} ended with ${status}:\n${stdout}${stderr}`)
  return stdout
}
