import { Visitor } from 'oxc-parser'
import type { Node } from 'oxc-parser'
import type { Breach, Law, Source } from './breach.ts'

const MAX_FILE_LINES = 500
const MAX_FUNCTION_LINES = 70
const MAX_PARAMETERS = 4

/** Parts of a test file that group tests; their length is that of the tests in them. */
const GROUPS = /^(?:describe|suite)\b/

export const size: Law = {
  name: 'size',
  demands: `files ≤ ${MAX_FILE_LINES} lines, functions ≤ ${MAX_FUNCTION_LINES}, parameters ≤ ${MAX_PARAMETERS}`,
  check: ({ sources }) =>
    [...sources.values()].flatMap((source) => [...fileBreaches(source), ...functionBreaches(source)]),
}

function fileBreaches({ path, text, lineAt }: Source): Breach[] {
  const lines = lineAt(Math.max(0, text.length - 1))
  if (lines <= MAX_FILE_LINES) return []
  return [{ law: 'size', path, detail: `has ${lines} lines (at most ${MAX_FILE_LINES})` }]
}

function functionBreaches(source: Source): Breach[] {
  const { path, lineAt, program } = source
  const found: Breach[] = []
  const groups = groupCallbacks(source)
  const add = (start: number, detail: string): void => {
    found.push({ law: 'size', path, line: lineAt(start), detail })
  }
  const lengthOf = (node: Node): void => {
    const lines = lineAt(node.end) - lineAt(node.start) + 1
    if (lines <= MAX_FUNCTION_LINES || groups.has(node.start)) return
    add(node.start, `a function of ${lines} lines (at most ${MAX_FUNCTION_LINES})`)
  }
  const parametersOf = (node: { params: readonly Node[]; start: number }): void => {
    const count = node.params.filter((each) => !(each.type === 'Identifier' && each.name === 'this')).length
    if (count > MAX_PARAMETERS) add(node.start, `takes ${count} parameters (at most ${MAX_PARAMETERS})`)
  }
  const both = (node: Node & { params: readonly Node[] }): void => {
    lengthOf(node)
    parametersOf(node)
  }
  new Visitor({
    FunctionDeclaration: both,
    FunctionExpression: both,
    ArrowFunctionExpression: both,
    TSDeclareFunction: parametersOf,
    TSFunctionType: parametersOf,
    TSMethodSignature: parametersOf,
  }).visit(program)
  return found
}

function groupCallbacks({ program, text }: Source): ReadonlySet<number> {
  const starts = new Set<number>()
  new Visitor({
    CallExpression: (node) => {
      if (GROUPS.test(text.slice(node.callee.start, node.callee.end)))
        for (const each of node.arguments) starts.add(each.start)
    },
  }).visit(program)
  return starts
}
