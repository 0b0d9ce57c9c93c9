import { Visitor } from 'oxc-parser'
import type { Breach, Law, Source } from './breach.ts'

const SILENCERS = /@ts-(?:ignore|nocheck)\b/
/** Type tests expect errors; sources have none to expect. */
const EXPECTATION = /@ts-expect-error\b/

export const plainSyntax: Law = {
  name: 'plain-syntax',
  demands: 'no `any`, no @ts-ignore; in src/ also no `export *` and no default export',
  check: ({ sources }) => [...sources.values()].flatMap(faultsOf),
}

function faultsOf({ path, program, comments, lineAt }: Source): Breach[] {
  const found: Breach[] = []
  const inSource = path.startsWith('src/')
  const add = (start: number, detail: string): void => {
    found.push({ law: 'plain-syntax', path, line: lineAt(start), detail })
  }
  new Visitor({
    TSAnyKeyword: (node) => add(node.start, '`any` as a type'),
    ExportAllDeclaration: (node) => {
      if (inSource) add(node.start, '`export *` hides what a file offers')
    },
    ExportDefaultDeclaration: (node) => {
      if (inSource) add(node.start, 'a default export has no name')
    },
  }).visit(program)
  for (const { value, start } of comments) {
    if (SILENCERS.test(value)) add(start, 'silences the type checker')
    if (inSource && EXPECTATION.test(value)) add(start, 'expects a type error')
  }
  return found
}
