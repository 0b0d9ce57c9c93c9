import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { anchorOf } from '../../scripts/reference/markdown.ts'
import { fencesOf } from './fences.ts'
import { faultsOf, servicesOf } from './page-faults.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** Pages whose blocks are for readers to follow, all of them. */
const pages = ['README.md', ...globSync('docs/{,guide/,reference/}*.md', { cwd: root }).toSorted()]
/** Pages whose links lead somewhere. */
const linking = [
  ...pages,
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...globSync('{docs/decisions,examples}/**/*.md', { cwd: root }),
]

/** A page takes a few seconds; a busy machine more. */
const pageMs = 240_000

/** Links to files, or to headings of pages, that are not there. */
function deadLinksOf(page: string, markdown: string): string[] {
  const links = [...markdown.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)]
  return links.flatMap(([link, path = '', anchor]) => {
    const target = path === '' ? page : join(dirname(page), path)
    if (!existsSync(join(root, target))) return [link]
    return anchor === undefined || anchorsOf(target === page ? markdown : textOf(target)).has(anchor) ? [] : [link]
  })
}

const textOf = (page: string): string => readFileSync(join(root, page), 'utf8')

const anchorsOf = (markdown: string): ReadonlySet<string> =>
  new Set([...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading)))

describe('pages', () => {
  // Pages that ask for services are followed where those are: test/production/guide.test.ts.
  for (const page of pages.filter((each) => fencesOf(textOf(each)).length > 0 && servicesOf(textOf(each)).length === 0))
    test.concurrent(`every block of ${page} does what the page says`, { timeout: pageMs }, async () => {
      expect((await faultsOf(textOf(page))).join('\n')).toBe('')
    })

  test.each(linking)('the links of %s lead somewhere', (page) => {
    expect(deadLinksOf(page, textOf(page))).toEqual([])
  })

  test('pages that errors name are there, with the headings that they name', () => {
    const sources = globSync('src/**/*.ts', { cwd: root }).map(textOf)
    const named = sources.flatMap((text) => text.match(/docs\/[\w/-]+\.md(?:#[\w-]+)?/g) ?? [])
    expect(named).toContain('docs/guide/operating.md#restore')
    expect(named.flatMap((link) => deadLinksOf('.', `](${link})`))).toEqual([])
  })

  test('the guide is there, and its blocks are', () => {
    expect(pages).toEqual(
      expect.arrayContaining([
        'docs/benchmarks.md',
        'docs/guide/getting-started.md',
        'docs/guide/late-and-corrected-data.md',
        'docs/guide/operating.md',
        'docs/guide/point-in-time-joins.md',
        'docs/guide/production.md',
        'docs/guide/serving.md',
        'docs/guide/your-own-data.md',
      ]),
    )
    expect(pages.flatMap((page) => fencesOf(textOf(page))).length).toBeGreaterThan(130)
  })
})

const block = (info: string, text: string): string => `\`\`\`${info}\n${text}\n\`\`\`\n`

describe('a planted fault is found', () => {
  const planted: readonly (readonly [what: string, page: string, fault: RegExp])[] = [
    [
      'other output',
      block('sh', 'echo 4 rows') + block('text', '5 rows'),
      /line 1: The page shows[^]*5 rows[^]*4 rows/,
    ],
    ['other JSON', block('sh', `echo '{"rows": 4}'`) + block('json', '{"rows": 5}'), /line 1: The page shows/],
    ['a command that fails', block('sh', 'false\necho on'), /line 1: ended with exit code 1/],
    ['an error that is none', block('sh', 'echo "x USAGE  no"') + block('text', 'x USAGE  no'), /exit code 0/],
    ['a command that is not there', block('sh', 'provender trian'), /exit code 2[^]*Did you mean {2}provender train/],
    ['a block that nothing runs', block('python', 'import provender'), /line 1: nothing runs this block \(python\)/],
    ['output of nothing', block('text', 'hello'), /nothing runs this block/],
    ['a file that nothing reads', `\`a.csv\`\n${block('csv a.csv', 'a')}`, /line 2: nothing runs this block/],
    [
      'a file that is not named',
      block('yaml provender.yaml', 'project: a') + block('sh', 'ls'),
      /line 1: neither the text/,
    ],
    ['wrong types', block('ts', 'const a: number = String(1)\nconsole.log(a)'), /TS2322/],
    ['a script that throws', block('ts', 'throw new Error("no")'), /line 1: ended with exit code 1[^]*Error: no/],
    ['a script of npm that is not there', block('sh', 'npm run dmeo'), /nothing is known of: npm run dmeo/],
    ['a server that does not start', block('sh', 'provender serve'), /line 1: ended and printed[^]*NO_REPOSITORY/],
    ['a console', block('console', '$ echo a\na\n$ echo b\nc'), /The page shows\n {4}c\nbut this was printed\n {4}b/],
  ]
  test.for(planted)('%s', { timeout: pageMs }, async ([, page, fault]) => {
    expect((await faultsOf(page)).join('\n')).toMatch(fault)
  })

  test('a link that leads nowhere', () => {
    const page =
      '# A head: it\n[a](guide/gone.md) [b](#a-head-it) [c](#gone) [d](guide/operating.md#restore) [e](guide/operating.md#no)'
    expect(deadLinksOf('docs/benchmarks.md', page)).toEqual([
      '](guide/gone.md)',
      '](#gone)',
      '](guide/operating.md#no)',
    ])
  })

  test('and a page without one has none', { timeout: pageMs }, async () => {
    const page = [
      block('console', '$ mkdir a && cd a\n$ echo "3 rows in 0.3 s" \\\n  && pwd\n3 rows in 0.1 s\n…/a'),
      `Save as \`b.mts\`:\n${block('ts b.mts', 'console.log(process.stdout.isTTY)')}`,
      block('sh', 'node b.mts\nnode b.mts | cat\npwd') + block('text', 'true\nundefined\n…/a'),
      block('ts', `import { parseInstant } from 'provender'\nconsole.log(parseInstant('1970-01-01T00:00:01Z'))`),
      block('text', '1000000n'),
      block('sh', 'git clone … a && cd a   # here\nnpm run demo -- --once\nnpm test'),
    ]
    expect(await faultsOf(page.join('\n'))).toEqual([])
  })
})
