import type { Breach, Law, Tree } from './breach.ts'
import { floorOf } from './floors.ts'

type Target = { readonly [condition: string]: unknown }

const CLI_ENTRY = 'src/cli/main.ts'

/** Where what is published begins: the sources of the package's exports, and the CLI. */
export function sourceEntries(tree: Tree): readonly string[] {
  return [...exportsOf(tree).map(({ source }) => source), CLI_ENTRY]
}

/** The exports that lead to code: subpath, source file from the root, and the target itself. */
function exportsOf(tree: Tree): { subpath: string; source: string; target: Target }[] {
  return Object.entries(recordOf(manifest(tree)['exports'])).flatMap(([subpath, target]) => {
    const conditions = recordOf(target)
    const source = conditions['provender-source']
    return subpath === './package.json' ? [] : [{ subpath, source: pathOf(source), target: conditions }]
  })
}

export const packageMap: Law = {
  name: 'package-map',
  demands: 'package exports ⇔ folders of src/ with an index.ts; bins exist and are published',
  check: ({ tree }) => [...exportBreaches(tree), ...folderBreaches(tree), ...binBreaches(tree)],
}

function exportBreaches(tree: Tree): Breach[] {
  const found = exportsOf(tree)
  if (found.length === 0) return [breach('names no exports')]
  return found.flatMap(({ subpath, source, target }) => {
    const stem = subpath === '.' ? 'index' : `${subpath.slice('./'.length)}/index`
    const wanted = {
      types: `./dist/${stem}.d.ts`,
      'provender-source': `./src/${stem}.ts`,
      default: `./dist/${stem}.js`,
    }
    const wrong = Object.entries(wanted).filter(([condition, path]) => target[condition] !== path)
    return [
      ...wrong.map(([condition, path]) => breach(`export "${subpath}" should have ${condition}: ${path}`)),
      ...(tree.has(source) ? [] : [breach(`export "${subpath}" leads to ${source}, which does not exist`)]),
    ]
  })
}

function folderBreaches(tree: Tree): Breach[] {
  const exported = new Set(exportsOf(tree).map(({ source }) => source))
  return [...floorOf.keys()].flatMap((room) => {
    const door = room === 'index.ts' ? 'src/index.ts' : `src/${room}/index.ts`
    if (!tree.has(door) || exported.has(door)) return []
    return [{ law: 'package-map', path: door, detail: 'a door that package.json does not export' }]
  })
}

function binBreaches(tree: Tree): Breach[] {
  const bins = Object.values(recordOf(manifest(tree)['bin'])).map(pathOf)
  const missing = bins.filter((path) => !tree.has(path)).map((path) => breach(`bin ${path} does not exist`))
  return bins.length === 0 ? [breach('names no bin')] : missing
}

function breach(detail: string): Breach {
  return { law: 'package-map', path: 'package.json', detail }
}

function manifest(tree: Tree): Record<string, unknown> {
  const parsed: unknown = JSON.parse(tree.get('package.json') ?? '{}')
  return recordOf(parsed)
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function pathOf(value: unknown): string {
  return typeof value === 'string' ? value.replace(/^\.\//, '') : ''
}
