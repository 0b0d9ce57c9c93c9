import { posix } from 'node:path'
import { Visitor } from 'oxc-parser'
import type { Breach, House, Law, Source } from './breach.ts'
import { importsOf, pathMeantBy } from './imports.ts'
import { sourceEntries } from './package-map.ts'

const TEST_FILE = /^test\/.*\.test(?:-d)?\.ts$/
const FILE_TEXT = /\.(?:[cm]?js|tsx?)$/

/** What only tests may reach: the executable specification of the engines. */
const FOR_TESTS = /^src\/engines\/memory\//

export const deadFiles: Law = {
  name: 'dead-files',
  demands: 'every file of src/ is reached from what is published, every other one from a script, test or example',
  check: (house) => {
    const product = reach(house, sourceEntries(house.tree))
    const all = reach(house, [...product, ...outerEntries(house)])
    return [...house.sources.keys()].flatMap((path): Breach[] => {
      if (!all.has(path)) return [{ law: 'dead-files', path, detail: 'nothing reaches this file' }]
      if (!path.startsWith('src/') || product.has(path) || FOR_TESTS.test(path)) return []
      return [{ law: 'dead-files', path, detail: 'only tests and scripts reach this file' }]
    })
  },
}

function outerEntries({ sources, tree }: House): string[] {
  const scripts = tree.get('package.json') ?? ''
  return [...sources.keys()].filter(
    (path) =>
      TEST_FILE.test(path) ||
      path === 'vitest.config.ts' ||
      /^(?:bench\/[^/]+\.ts|bin\/|ui\/)/.test(path) ||
      /^examples\/[^/]+\/(?:[^/]+\.test\.ts|demo\.ts|features\/)/.test(path) ||
      scripts.includes(path),
  )
}

function reach({ sources }: House, entries: readonly string[]): ReadonlySet<string> {
  const reached = new Set<string>()
  const queue = entries.filter((path) => sources.has(path))
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const source = sources.get(path)
    if (source === undefined || reached.has(path)) continue
    reached.add(path)
    queue.push(...filesNamedIn(source).filter((each) => sources.has(each)))
  }
  return reached
}

/** Imports, and texts that name a file from here or from the root: workers and child processes are started that way. */
function filesNamedIn(source: Source): string[] {
  const named = importsOf(source).flatMap(({ specifier }) => pathMeantBy(source.path, specifier) ?? [])
  new Visitor({
    Literal: ({ value }) => {
      if (typeof value !== 'string' || !FILE_TEXT.test(value)) return
      named.push(posix.normalize(value), posix.join(posix.dirname(source.path), value))
    },
    // `./load-worker${extname(import.meta.url)}`: .ts in a checkout, .js in the package.
    TemplateLiteral: ({ quasis: [start, end, ...more] }) => {
      if (end?.value.raw !== '' || more.length > 0) return
      named.push(posix.join(posix.dirname(source.path), `${start?.value.cooked}.ts`))
    },
  }).visit(source.program)
  return named
}
