import { posix } from 'node:path'
import { Visitor } from 'oxc-parser'
import type { Expression, ImportDeclaration } from 'oxc-parser'
import type { Source } from './breach.ts'

/** One file named by another: by import, re-export, `import()` or `import('…')` in a type. */
export type Import = {
  readonly specifier: string
  readonly line: number
  /** Gone when the types are stripped. */
  readonly typeOnly: boolean
}

/** Every import of a file, in any form that can be read off the text. */
export function importsOf({ program, lineAt }: Source): readonly Import[] {
  const found: Import[] = []
  const add = (specifier: string, start: number, typeOnly: boolean): void => {
    found.push({ specifier, line: lineAt(start), typeOnly })
  }
  new Visitor({
    ImportDeclaration: (node) => add(node.source.value, node.start, isTypeOnly(node)),
    ExportAllDeclaration: (node) => add(node.source.value, node.start, node.exportKind === 'type'),
    ExportNamedDeclaration: (node) => {
      if (node.source !== null) add(node.source.value, node.start, node.exportKind === 'type')
    },
    ImportExpression: (node) => {
      const specifier = textOf(node.source)
      if (specifier !== undefined) add(specifier, node.start, false)
    },
    TSImportType: (node) => add(node.source.value, node.start, true),
  }).visit(program)
  return found
}

function isTypeOnly({ importKind, specifiers }: ImportDeclaration): boolean {
  const isType = (each: ImportDeclaration['specifiers'][number]): boolean =>
    each.type === 'ImportSpecifier' && each.importKind === 'type'
  return importKind === 'type' || (specifiers.length > 0 && specifiers.every(isType))
}

function textOf(node: Expression): string | undefined {
  if (node.type === 'Literal' && typeof node.value === 'string') return node.value
  if (node.type !== 'TemplateLiteral' || node.expressions.length > 0) return undefined
  return node.quasis[0]?.value.cooked ?? undefined
}

/** The path in the tree that a relative specifier means; undefined for packages. */
export function pathMeantBy(importer: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? posix.join(posix.dirname(importer), specifier) : undefined
}
