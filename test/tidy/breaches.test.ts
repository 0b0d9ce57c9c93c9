import { describe, expect, test } from 'vitest'
import { describeBreach } from './breach.ts'
import type { Tree } from './breach.ts'
import { breachesIn, laws } from './laws.ts'

const manifest = {
  bin: { provender: 'bin/provender.js' },
  exports: {
    '.': { types: './dist/index.d.ts', 'provender-source': './src/index.ts', default: './dist/index.js' },
    './testing': {
      types: './dist/testing/index.d.ts',
      'provender-source': './src/testing/index.ts',
      default: './dist/testing/index.js',
    },
    './package.json': './package.json',
  },
  scripts: { build: 'node scripts/build.ts' },
}

/** A small house that keeps every law. */
const clean: Tree = new Map([
  ['package.json', JSON.stringify(manifest)],
  ['docs/reference/errors.md', '# Error codes\n\n## BROKEN\n\nText.\n'],
  ['bin/provender.js', 'void import(new URL("../dist/cli/main.js", import.meta.url).href)\n'],
  ['scripts/build.ts', 'process.exitCode = 0\n'],
  ['src/index.ts', "export const openStore = async () => (await import('./compose/open.ts')).open()\n"],
  ['src/testing/index.ts', "export { law } from './law.ts'\n"],
  ['src/testing/law.ts', 'export const law = 1\n'],
  ['src/cli/main.ts', "import { open } from '../compose/open.ts'\nvoid open()\n"],
  ['src/compose/open.ts', "export const open = async () => (await import('../engines/duckdb/session.ts')).session\n"],
  ['src/engines/duckdb/session.ts', "import { plan } from '../../query/plan.ts'\nexport const session = plan(0n)\n"],
  ['src/engines/memory/rows.ts', 'export const rows = []\n'],
  [
    'src/query/plan.ts',
    "import { fail } from '../kernel/errors.ts'\nexport const plan = (at: bigint) => fail('BROKEN', `${at}`)\n",
  ],
  [
    'src/kernel/errors.ts',
    "export { errorTable } from './error-table.ts'\nexport const fail = (code: string, detail: string) => new Error(code + detail)\n",
  ],
  ['src/kernel/error-table.ts', 'export const errorTable = { BROKEN: { status: 500 } }\n'],
  [
    'test/plan.test.ts',
    "import { rows } from '../src/engines/memory/rows.ts'\ntest('one', () => expect(rows).toEqual([]))\n",
  ],
])

type Plant = { readonly law: string; readonly path: string; readonly text: string; readonly says: RegExp }

const lines = (count: number, line: string): string => `${line}\n`.repeat(count)

/** Appended to a file of the clean house (or making a new one), each breaks one law. */
const plants: readonly Plant[] = [
  { law: 'syntax', path: 'src/query/plan.ts', text: 'export const = 1', says: /./ },
  // floors
  {
    law: 'floors',
    path: 'src/query/plan.ts',
    text: "import '../compose/open.ts'",
    says: /compose, floor 8, above its own floor 4/,
  },
  { law: 'floors', path: 'src/query/plan.ts', text: "import type { X } from '../cli/main.ts'", says: /cli, floor 10/ },
  { law: 'floors', path: 'src/query/plan.ts', text: "export { open } from '../compose/open.ts'", says: /compose/ },
  {
    law: 'floors',
    path: 'src/query/plan.ts',
    text: "export const p = () => import('../compose/open.ts')",
    says: /compose/,
  },
  {
    law: 'floors',
    path: 'src/query/plan.ts',
    text: 'export const p = () => import(`../compose/open.ts`)',
    says: /compose/,
  },
  { law: 'floors', path: 'src/query/plan.ts', text: "export type P = import('../compose/open.ts').P", says: /compose/ },
  { law: 'floors', path: 'src/testing/law.ts', text: "import '../engines/memory/rows.ts'", says: /only compose\/ may/ },
  {
    law: 'floors',
    path: 'src/engines/duckdb/session.ts',
    text: "import '../memory/rows.ts'",
    says: /only compose\/ may/,
  },
  {
    law: 'floors',
    path: 'src/engines/duckdb/session.ts',
    text: "import '../../testing/law.ts'",
    says: /floor 6 are strangers/,
  },
  {
    law: 'floors',
    path: 'src/cli/main.ts',
    text: "void import('../engines/memory/rows.ts')",
    says: /only compose\/ may/,
  },
  { law: 'floors', path: 'src/query/plan.ts', text: "import '../../test/plan.test.ts'", says: /outside of src/ },
  { law: 'floors', path: 'src/cli/main.ts', text: "import 'provender'", says: /package by its name/ },
  { law: 'floors', path: 'src/attic/box.ts', text: 'export const box = 1', says: /no room/ },
  { law: 'floors', path: 'src/engines/box.ts', text: 'export const box = 1', says: /no room/ },
  { law: 'floors', path: 'ui/page.tsx', text: "import type { Store } from '../src/index.ts'", says: /contract\/ only/ },
  { law: 'floors', path: 'bench/baselines/naive.ts', text: "import '../../src/index.ts'", says: /no source/ },
  // drivers
  { law: 'drivers', path: 'src/compose/open.ts', text: "import 'lmdb'", says: /only engines\/lmdb may/ },
  {
    law: 'drivers',
    path: 'src/engines/duckdb/session.ts',
    text: "import { DatabaseSync } from 'node:sqlite'",
    says: /node:sqlite/,
  },
  // purity
  { law: 'purity', path: 'src/query/plan.ts', text: 'export const w = async () => { await 1 }', says: /await/ },
  {
    law: 'purity',
    path: 'src/query/plan.ts',
    text: 'export const w = async (x) => { for await (const y of x) y() }',
    says: /for await/,
  },
  {
    law: 'purity',
    path: 'src/query/plan.ts',
    text: 'export const w = async () => { await using x = y }',
    says: /await using/,
  },
  { law: 'purity', path: 'src/query/plan.ts', text: 'export const now = () => Date.now()', says: /Date\.now/ },
  { law: 'purity', path: 'src/query/plan.ts', text: 'export const now = () => new Date()', says: /new Date/ },
  { law: 'purity', path: 'src/query/plan.ts', text: 'export const dice = () => Math.random()', says: /Math\.random/ },
  { law: 'purity', path: 'src/query/plan.ts', text: "import { readFileSync } from 'node:fs'", says: /node:fs/ },
  // ports
  {
    law: 'ports',
    path: 'src/ports/online.ts',
    text: 'export interface P { a(): 1; b(): 1; c(): 1; d(): 1; e(): 1; f: () => 1 }',
    says: /6 methods/,
  },
  { law: 'ports', path: 'src/ports/online.ts', text: 'export function f() {}', says: /a function/ },
  { law: 'ports', path: 'src/ports/online.ts', text: 'export class P {}', says: /a class/ },
  // size
  { law: 'size', path: 'src/query/plan.ts', text: lines(500, '// a line'), says: /503 lines/ },
  {
    law: 'size',
    path: 'src/query/plan.ts',
    text: `export function f() {\n${lines(70, '  // a line')}}`,
    says: /function of 72 lines/,
  },
  {
    law: 'size',
    path: 'src/query/plan.ts',
    text: `export const f = () => {\n${lines(70, '  // a line')}}`,
    says: /function of 72 lines/,
  },
  {
    law: 'size',
    path: 'src/query/plan.ts',
    text: `class A {\n  f() {\n${lines(70, '  // a line')}}\n}`,
    says: /function of 72 lines/,
  },
  { law: 'size', path: 'src/query/plan.ts', text: 'export const f = (a, b, c, d, e) => a', says: /5 parameters/ },
  {
    law: 'size',
    path: 'src/query/plan.ts',
    text: 'export interface P { f(a: 1, b: 2, c: 3, d: 4, e: 5): void }',
    says: /5 parameters/,
  },
  // names
  { law: 'names', path: 'test/utils.test.ts', text: '', says: /"utils"/ },
  { law: 'names', path: 'test/lib/box.test.ts', text: '', says: /"lib"/ },
  { law: 'names', path: 'test/fooBar.test.ts', text: '', says: /kebab-case/ },
  // plain syntax
  { law: 'plain-syntax', path: 'src/query/plan.ts', text: 'export const x: any = 1', says: /any/ },
  { law: 'plain-syntax', path: 'test/plan.test.ts', text: 'const x = 1 as any', says: /any/ },
  { law: 'plain-syntax', path: 'src/query/plan.ts', text: "export * from '../kernel/errors.ts'", says: /export \*/ },
  { law: 'plain-syntax', path: 'src/query/plan.ts', text: 'export default 1', says: /default export/ },
  { law: 'plain-syntax', path: 'src/query/plan.ts', text: '// @ts-ignore', says: /silences/ },
  { law: 'plain-syntax', path: 'src/query/plan.ts', text: '// @ts-expect-error: why not', says: /expects/ },
  // honest tests
  { law: 'honest-tests', path: 'test/plan.test.ts', text: "it.skip('x', () => {})", says: /it\.skip/ },
  { law: 'honest-tests', path: 'test/plan.test.ts', text: "test.only('x', () => {})", says: /test\.only/ },
  { law: 'honest-tests', path: 'test/plan.test.ts', text: "describe.concurrent.skip('x', () => {})", says: /skip/ },
  { law: 'honest-tests', path: 'test/plan.test.ts', text: "test.todo('x')", says: /todo/ },
  { law: 'honest-tests', path: 'test/plan.test.ts', text: "test.skipIf(true)('x', () => {})", says: /skipIf/ },
  { law: 'honest-tests', path: 'test/plan.test.ts', text: "test('x', { skip: true }, () => {})", says: /option skip/ },
  // dead files
  { law: 'dead-files', path: 'src/query/attic.ts', text: 'export const x = 1', says: /nothing reaches/ },
  { law: 'dead-files', path: 'scripts/attic.ts', text: 'export const x = 1', says: /nothing reaches/ },
  { law: 'dead-files', path: 'test/attic.ts', text: 'export const x = 1', says: /nothing reaches/ },
  // package map
  { law: 'package-map', path: 'src/query/index.ts', text: 'export const x = 1', says: /does not export/ },
  // error codes
  {
    law: 'error-codes',
    path: 'src/query/plan.ts',
    text: "fail('UNHEARD_OF', '')",
    says: /UNHEARD_OF, which is not in the table/,
  },
  { law: 'error-codes', path: 'docs/reference/errors.md', text: '## UNHEARD_OF', says: /has UNHEARD_OF/ },
]

/** Files that replace one of the clean house, each breaking one law. */
const replacements: readonly Plant[] = [
  { law: 'error-codes', path: 'src/kernel/error-table.ts', text: 'export const errorTable = {}', says: /no code/ },
  { law: 'error-codes', path: 'docs/reference/errors.md', text: '# Error codes', says: /lacks BROKEN/ },
  { law: 'package-map', path: 'package.json', text: '{}', says: /names no exports\nnames no bin/ },
  { law: 'package-map', path: 'package.json', text: manifestWith({ bin: { provender: 'bin/gone.js' } }), says: /gone/ },
  {
    law: 'package-map',
    path: 'package.json',
    text: manifestWith({ exports: { './query': { 'provender-source': './src/query/index.ts' } } }),
    says: /should have types: .*\n.*should have default: .*\n.*src\/query\/index\.ts, which does not exist/,
  },
]

function manifestWith(change: Partial<typeof manifest> | { exports: object }): string {
  return JSON.stringify({ ...manifest, ...change })
}

describe('a planted breach is found', () => {
  test('in a clean house there is none', () => {
    expect(breachesIn(clean).map(describeBreach)).toEqual([])
  })

  test.each(plants)('$law: $path $says', (plant) => {
    expectBreach([[plant.path, `${clean.get(plant.path) ?? ''}${plant.text}\n`]], plant)
  })

  test.each(replacements)('$law: $path $says', (plant) => {
    expectBreach([[plant.path, `${plant.text}\n`]], plant)
  })

  test('dead-files: a source that only a test reaches', () => {
    const path = 'src/query/attic.ts'
    const files: Files = [
      [path, 'export const x = 1\n'],
      ['test/attic.test.ts', "import '../src/query/attic.ts'\n"],
    ]
    expectBreach(files, { law: 'dead-files', path, says: /only tests and scripts/ })
  })

  test('error-codes: a code that is only compared with is not used', () => {
    const path = 'src/kernel/error-table.ts'
    const plan = "import '../kernel/errors.ts'\nexport const plan = (x: string) => x === 'BROKEN'\n"
    expectBreach([['src/query/plan.ts', plan]], { law: 'error-codes', path, says: /nothing ever fails with BROKEN/ })
  })

  test('every law has one', () => {
    const planted = new Set([...plants, ...replacements].map(({ law }) => law))
    expect(laws.map(({ name }) => name).filter((name) => !planted.has(name))).toEqual([])
  })
})

describe('no breach is', () => {
  const cases: readonly (readonly [string, Files])[] = [
    [
      'a worker whose suffix depends on where it runs',
      [
        [
          'src/cli/main.ts',
          `${clean.get('src/cli/main.ts')}new Worker(new URL(\`./load-worker\${suffix}\`, import.meta.url))\n`,
        ],
        ['src/cli/load-worker.ts', 'process.exitCode = 1\n'],
      ],
    ],

    [
      'a child process that is named by its file',
      [
        ['test/child.ts', 'process.exitCode = 1\n'],
        ['test/spawn.test.ts', "const child = new URL('./child.ts', import.meta.url)\n"],
      ],
    ],
    [
      'a long group of short tests',
      [
        [
          'test/plan.test.ts',
          `${clean.get('test/plan.test.ts')}describe('x', () => {\n${lines(80, "  test('y', () => {})")}})\n`,
        ],
      ],
    ],
    [
      'a Date made of an instant, in a pure room',
      [['src/query/plan.ts', `${clean.get('src/query/plan.ts')}export const d = new Date(0)\n`]],
    ],
    [
      'a word for a law in a text or comment',
      [['src/query/plan.ts', `${clean.get('src/query/plan.ts')}// any await\nexport const t = 'Date.now() as any'\n`]],
    ],
  ]

  test.each(cases)('%s', (_, files) => {
    expect(breachesIn(new Map([...clean, ...files])).map(describeBreach)).toEqual([])
  })
})

type Files = readonly (readonly [path: string, text: string])[]

function expectBreach(files: Files, { law, path, says }: Pick<Plant, 'law' | 'path' | 'says'>): void {
  const found = breachesIn(new Map([...clean, ...files])).filter((each) => each.law === law && each.path === path)
  expect(found.map(({ detail }) => detail).join('\n')).toMatch(says)
}
