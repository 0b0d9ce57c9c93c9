import { Visitor } from 'oxc-parser'
import type { Node } from 'oxc-parser'
import type { Breach, House, Law, Source } from './breach.ts'

const TABLE = 'src/kernel/error-table.ts'
const PAGE = 'docs/reference/errors.md'
const CODE = /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*$/
const HEADING = /^## `?([A-Z][A-Z0-9_]*)`?$/gm

export const errorCodes: Law = {
  name: 'error-codes',
  demands: 'the error table, its page and the code that fails name the same codes',
  check: (house) => {
    const table = house.sources.get(TABLE)
    if (table === undefined) return [{ law: 'error-codes', path: TABLE, detail: 'the error table is missing' }]
    const codes = codesOf(table)
    if (codes.size === 0) return [{ law: 'error-codes', path: TABLE, detail: 'no code was found in the table' }]
    return [...pageBreaches(house, codes), ...useBreaches(house, codes)]
  },
}

function codesOf(table: Source): ReadonlyMap<string, number> {
  const codes = new Map<string, number>()
  new Visitor({
    Property: ({ key, start }) => {
      if (key.type === 'Identifier' && CODE.test(key.name)) codes.set(key.name, table.lineAt(start))
    },
  }).visit(table.program)
  return codes
}

function pageBreaches({ tree }: House, codes: ReadonlyMap<string, number>): Breach[] {
  const documented = new Set([...(tree.get(PAGE) ?? '').matchAll(HEADING)].map((match) => match[1] ?? ''))
  const say = (detail: string): Breach => ({ law: 'error-codes', path: PAGE, detail: `${detail}; run npm run docs` })
  return [
    ...[...codes.keys()].filter((code) => !documented.has(code)).map((code) => say(`lacks ${code}`)),
    ...[...documented].filter((code) => !codes.has(code)).map((code) => say(`has ${code}, which is not in the table`)),
  ]
}

function useBreaches({ sources }: House, codes: ReadonlyMap<string, number>): Breach[] {
  const used = new Set<string>()
  const unknown: Breach[] = []
  for (const source of sources.values()) {
    if (!source.path.startsWith('src/') || source.path === TABLE) continue
    for (const { text, line, isFailure } of codesIn(source)) {
      used.add(text)
      if (!isFailure || codes.has(text)) continue
      unknown.push({
        law: 'error-codes',
        path: source.path,
        line,
        detail: `fails with ${text}, which is not in the table`,
      })
    }
  }
  const unused = [...codes].filter(([code]) => !used.has(code))
  return [
    ...unknown,
    ...unused.map(([code, line]) => ({
      law: 'error-codes',
      path: TABLE,
      line,
      detail: `nothing ever fails with ${code}`,
    })),
  ]
}

type Mention = { readonly text: string; readonly line: number; readonly isFailure: boolean }

/** Codes that a file can raise: texts in the form of a code, but for those that it only compares with. */
function codesIn({ program, lineAt }: Source): Mention[] {
  const found: Mention[] = []
  const compared = new Set<number>()
  const failures = new Set<number>()
  new Visitor({
    BinaryExpression: ({ left, right }) => [left, right].forEach((each) => compared.add(each.start)),
    SwitchCase: ({ test }) => test && compared.add(test.start),
    TSLiteralType: ({ literal }) => compared.add(literal.start),
    CallExpression: ({ callee, arguments: [first] }) => {
      if (first !== undefined && isFail(callee)) failures.add(first.start)
    },
    Literal: ({ value, start }) => {
      if (typeof value !== 'string' || !CODE.test(value) || compared.has(start)) return
      found.push({ text: value, line: lineAt(start), isFailure: failures.has(start) })
    },
  }).visit(program)
  return found
}

function isFail(callee: Node): boolean {
  return callee.type === 'Identifier' && callee.name === 'fail'
}
