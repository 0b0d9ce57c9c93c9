import { Visitor } from 'oxc-parser'
import type { Breach, Law, Source } from './breach.ts'

const LEFT_OUT = /^(?:it|test|describe|suite|bench)(?:\.\w+)*\.(skip|only|todo|skipIf|runIf)\b/
const TEST_CALL = /^(?:it|test|describe|suite)\b/
const OPTIONS = new Set(['skip', 'only', 'todo'])

export const honestTests: Law = {
  name: 'honest-tests',
  demands: 'no test is skipped, postponed or run alone',
  check: ({ sources }) =>
    [...sources.values()].filter(({ path }) => path.startsWith('test/')).flatMap((source) => leftOut(source)),
}

function leftOut({ path, program, text, lineAt }: Source): Breach[] {
  const found: Breach[] = []
  const add = (start: number, detail: string): void => {
    found.push({ law: 'honest-tests', path, line: lineAt(start), detail })
  }
  new Visitor({
    MemberExpression: (node) => {
      const match = LEFT_OUT.exec(text.slice(node.start, node.end))
      if (match !== null && node.end === node.start + match[0].length) add(node.start, match[0])
    },
    CallExpression: (node) => {
      if (!TEST_CALL.test(text.slice(node.callee.start, node.callee.end))) return
      for (const argument of node.arguments) {
        if (argument.type !== 'ObjectExpression') continue
        for (const each of argument.properties) {
          if (each.type === 'Property' && each.key.type === 'Identifier' && OPTIONS.has(each.key.name)) {
            add(each.start, `a test with the option ${each.key.name}`)
          }
        }
      }
    },
  }).visit(program)
  return found
}
