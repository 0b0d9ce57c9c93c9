import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync } from 'oxc-parser'
import type { Breach, House, Source, Tree } from './breach.ts'

const CODE_FOLDERS = ['src', 'test', 'scripts', 'bench', 'examples', 'ui', 'bin']
const CODE_FILE = /\.(?:[cm]?js|tsx?)$/
const LEFT_OUT = new Set(['node_modules', 'dist', '.provender'])
const OTHER_FILES = ['package.json', 'vitest.config.ts', 'docs/reference/errors.md']

/** Reads what the laws look at: all code of the repository, and the few files that code must agree with. */
export function readTree(root: string): Tree {
  const tree = new Map<string, string>()
  for (const folder of CODE_FOLDERS) readFolder(root, folder, tree)
  for (const path of OTHER_FILES) readInto(tree, root, path)
  return tree
}

function readFolder(root: string, folder: string, tree: Map<string, string>): void {
  for (const entry of entriesOf(join(root, folder))) {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory() && !LEFT_OUT.has(entry.name)) readFolder(root, path, tree)
    else if (entry.isFile() && CODE_FILE.test(entry.name)) readInto(tree, root, path)
  }
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return [] // A folder that is still to come; that the others were seen is asserted by the tidy test.
  }
}

function readInto(tree: Map<string, string>, root: string, path: string): void {
  try {
    tree.set(path, readFileSync(join(root, path), 'utf8'))
  } catch {
    // Missing: the law that needs the file says so.
  }
}

/** Parses every code file of a tree, in path order. */
export function parseHouse(tree: Tree): House {
  const sources = new Map<string, Source>()
  const unreadable: Breach[] = []
  for (const path of [...tree.keys()].filter((each) => CODE_FILE.test(each)).toSorted()) {
    const text = tree.get(path) ?? ''
    const { program, comments, errors } = parseSync(path, text, { sourceType: 'module' })
    const [error] = errors
    const lineAt = lineFinder(text)
    if (error === undefined) sources.set(path, { path, text, program, comments, lineAt })
    else unreadable.push({ law: 'syntax', path, line: lineAt(error.labels[0]?.start ?? 0), detail: error.message })
  }
  return { tree, sources, unreadable }
}

function lineFinder(text: string): (offset: number) => number {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return (offset) => {
    let low = 0
    let high = starts.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if ((starts[middle] ?? 0) <= offset) low = middle
      else high = middle
    }
    return low + 1
  }
}
