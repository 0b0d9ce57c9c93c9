import { Visitor } from 'oxc-parser'
import type { TSSignature } from 'oxc-parser'
import type { Breach, Law, Source } from './breach.ts'

const MAX_METHODS = 5

export const ports: Law = {
  name: 'ports',
  demands: `src/ports/ holds interfaces only, of at most ${MAX_METHODS} methods each`,
  check: ({ sources }) =>
    [...sources.values()].filter(({ path }) => path.startsWith('src/ports/')).flatMap((source) => portBreaches(source)),
}

function portBreaches({ path, program, lineAt }: Source): Breach[] {
  const found: Breach[] = []
  const add = (start: number, detail: string): void => {
    found.push({ law: 'ports', path, line: lineAt(start), detail })
  }
  const count = (name: string, members: readonly TSSignature[], start: number): void => {
    const methods = members.filter(isMethod).length
    if (methods > MAX_METHODS) add(start, `${name} has ${methods} methods (at most ${MAX_METHODS})`)
  }
  new Visitor({
    TSInterfaceDeclaration: ({ id, body, start }) => count(id.name, body.body, start),
    TSTypeAliasDeclaration: ({ id, typeAnnotation, start }) => {
      if (typeAnnotation.type === 'TSTypeLiteral') count(id.name, typeAnnotation.members, start)
    },
    FunctionDeclaration: ({ start }) => add(start, 'a function; a port is an interface'),
    ArrowFunctionExpression: ({ start }) => add(start, 'a function; a port is an interface'),
    ClassDeclaration: ({ start }) => add(start, 'a class; a port is an interface'),
  }).visit(program)
  return found
}

function isMethod(member: TSSignature): boolean {
  if (member.type === 'TSMethodSignature') return member.computed === false
  return member.type === 'TSPropertySignature' && member.typeAnnotation?.typeAnnotation.type === 'TSFunctionType'
}
