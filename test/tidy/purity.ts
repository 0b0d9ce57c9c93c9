import { Visitor } from 'oxc-parser'
import type { CallExpression, Node } from 'oxc-parser'
import type { Breach, Law, Source } from './breach.ts'
import { roomOf } from './floors.ts'
import { importsOf } from './imports.ts'

const PURE_ROOMS = new Set(['query', 'decide', 'values', 'define'])
const IMPURE_CALLS = new Set(['Date.now', 'Math.random', 'performance.now', 'crypto.randomUUID'])
const IMPURE_MODULES = new Set(['node:fs', 'node:fs/promises', 'fs', 'fs/promises'])

export const purity: Law = {
  name: 'purity',
  demands: 'query, decide, values and define do not wait, read clocks, throw dice or touch files',
  check: ({ sources }) =>
    [...sources.values()].flatMap((source) => (PURE_ROOMS.has(roomOf(source.path) ?? '') ? impuritiesOf(source) : [])),
}

function impuritiesOf(source: Source): Breach[] {
  const found: Breach[] = []
  const add = (what: string, line: number): void => {
    found.push({ law: 'purity', path: source.path, line, detail: `${what} in a pure room` })
  }
  const at = ({ start }: Node): number => source.lineAt(start)
  new Visitor({
    AwaitExpression: (node) => add('await', at(node)),
    ForOfStatement: (node) => {
      if (node.await) add('for await', at(node))
    },
    VariableDeclaration: (node) => {
      if (node.kind === 'await using') add('await using', at(node))
    },
    NewExpression: (node) => {
      if (isNamed(node.callee, 'Date') && node.arguments.length === 0) add('new Date()', at(node))
    },
    CallExpression: (node) => {
      const name = calleeOf(node)
      if (IMPURE_CALLS.has(name) || (name === 'Date' && node.arguments.length === 0)) add(`${name}()`, at(node))
    },
  }).visit(source.program)
  for (const { specifier, line } of importsOf(source)) if (IMPURE_MODULES.has(specifier)) add(specifier, line)
  return found
}

/** `a` or `a.b` as it is written, else an empty string. */
function calleeOf({ callee }: CallExpression): string {
  if (callee.type === 'Identifier') return callee.name
  if (callee.type !== 'MemberExpression' || callee.computed || callee.object.type !== 'Identifier') return ''
  return callee.property.type === 'Identifier' ? `${callee.object.name}.${callee.property.name}` : ''
}

function isNamed(node: Node, name: string): boolean {
  return node.type === 'Identifier' && node.name === name
}
