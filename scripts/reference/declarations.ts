import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { type Comment, type Directive, type Statement, parseSync } from 'oxc-parser'
import { root } from '../steps.ts'

/** Something that a module exports, as its author wrote it. */
export interface Declared {
  readonly name: string
  readonly kind: 'function' | 'constant' | 'class' | 'interface' | 'type'
  /** What its TSDoc says. */
  readonly doc: string
  /** Its signatures, or its head: without bodies, on one line each. */
  readonly signatures: readonly string[]
  readonly members: readonly Member[]
}

/** A member of an interface, class or object. */
export interface Member {
  readonly text: string
  readonly doc: string
}

interface Module {
  readonly path: string
  readonly text: string
  readonly statements: readonly (Statement | Directive)[]
  readonly comments: readonly Comment[]
}

const modules = new Map<string, Module>()

function moduleOf(path: string): Module {
  const known = modules.get(path)
  if (known !== undefined) return known
  const text = readFileSync(join(root, path), 'utf8')
  const { program, comments } = parseSync(path, text, { sourceType: 'module' })
  const read = { path, text, statements: program.body, comments }
  modules.set(path, read)
  return read
}

/** Every export of a module, in the order of its text; what it exports from other modules is looked up there. */
export function exportsOf(path: string): Declared[] {
  const own = moduleOf(path)
  const found: Declared[] = []
  for (const statement of own.statements) {
    if (statement.type !== 'ExportNamedDeclaration') continue
    if (statement.source !== null) {
      const from = posix.join(posix.dirname(path), statement.source.value)
      for (const { local } of statement.specifiers)
        found.push(declared(from, 'name' in local ? local.name : local.value))
    } else
      for (const name of namesIn(statement.declaration))
        if (!found.some((each) => each.name === name)) found.push(declared(path, name))
  }
  return found
}

/** One export of a module by its name, wherever it is declared. */
export function declared(path: string, name: string): Declared {
  const own = moduleOf(path)
  const found: { readonly statement: Statement | Directive; readonly node: NonNullable<Declaration> }[] = []
  for (const statement of own.statements) {
    if (statement.type !== 'ExportNamedDeclaration') continue
    if (statement.source !== null) {
      const specifier = statement.specifiers.find(({ exported }) => 'name' in exported && exported.name === name)
      if (specifier !== undefined) return declared(posix.join(posix.dirname(path), statement.source.value), name)
    } else if (statement.declaration !== null && namesIn(statement.declaration).includes(name))
      found.push({ statement, node: statement.declaration })
  }
  const [first] = found
  if (first === undefined) throw new Error(`${path} exports no ${name}`)
  // Of several overloads, the last is what carries them out.
  const shown = found.length > 1 ? found.slice(0, -1) : found
  const doc = docBefore(own, first.statement.start)
  if (doc === '') throw new Error(`${path}: ${name} has no TSDoc`)
  return {
    name,
    doc,
    kind: kindOf(first.node),
    signatures: shown.map(({ node }) => headOf(own, node)),
    members: membersOf(own, first.node),
  }
}

type Declaration = Extract<Statement, { type: 'ExportNamedDeclaration' }>['declaration']

function namesIn(declaration: Declaration): string[] {
  if (declaration === null) return []
  if (declaration.type === 'VariableDeclaration')
    return declaration.declarations.flatMap(({ id }) => (id.type === 'Identifier' ? [id.name] : []))
  return 'id' in declaration && declaration.id !== null && 'name' in declaration.id ? [declaration.id.name] : []
}

function kindOf(node: NonNullable<Declaration>): Declared['kind'] {
  switch (node.type) {
    case 'FunctionDeclaration':
    case 'TSDeclareFunction':
      return 'function'
    case 'VariableDeclaration':
      return 'constant'
    case 'ClassDeclaration':
      return 'class'
    case 'TSInterfaceDeclaration':
      return 'interface'
    case 'TSTypeAliasDeclaration':
      return 'type'
    default:
      throw new Error(`Nothing is known of how to show a ${node.type}`)
  }
}

/** A text of several lines on one, as if it had been written so. */
const oneLine = (text: string): string =>
  text
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/,? ([)\]}>])/g, ' $1')
    .replaceAll(/([([<]) | (?=[)\]>])/g, '$1')
    .replaceAll(/ ([=:]) \| /g, ' $1 ')
    .trim()

/** The declaration up to where its body or members begin. */
function headOf({ text }: Module, node: NonNullable<Declaration>): string {
  const end =
    'body' in node && node.body !== null && node.body !== undefined && 'start' in node.body ? node.body.start : node.end
  if (node.type !== 'VariableDeclaration')
    return oneLine(text.slice(node.start, end).replace(/^async function/, 'function'))
  const [first] = node.declarations
  return oneLine(`const ${text.slice(first?.id.start, first?.id.end)}`)
}

function membersOf(own: Module, node: NonNullable<Declaration>): Member[] {
  const told = (start: number, end: number): Member => ({
    text: oneLine(
      own.text
        .slice(start, end)
        .replace(/^(?:(?:readonly|override) )+/, '')
        .replace(/[;,]$/, ''),
    ),
    doc: docBefore(own, start),
  })
  if (node.type === 'TSInterfaceDeclaration')
    // What has a symbol for a name is nobody's business.
    return node.body.body
      .filter((each) => !('computed' in each && each.computed))
      .map(({ start, end }) => told(start, end))
  if (node.type === 'ClassDeclaration')
    return node.body.body.flatMap((each) => {
      if (!('key' in each) || each.computed || each.key.type !== 'Identifier' || each.key.name === 'constructor')
        return []
      const body = 'value' in each && each.value !== null && 'body' in each.value ? each.value.body : null
      return [told(each.start, body?.start ?? each.end)]
    })
  const init = node.type === 'VariableDeclaration' ? node.declarations[0]?.init : undefined
  const object = init?.type === 'CallExpression' ? init.arguments[0] : init
  if (object?.type !== 'ObjectExpression') return []
  return object.properties.flatMap((each) => {
    if (each.type !== 'Property') return []
    const body = each.value.type === 'ArrowFunctionExpression' ? each.value.body.start : each.end
    const text = own.text.slice(each.start, body).replace(/=>\s*$/, '')
    return [{ text: oneLine(text), doc: docBefore(own, each.start) }]
  })
}

/** The TSDoc comment that ends right before a place, as Markdown; empty where there is none. */
function docBefore({ text, comments }: Module, start: number): string {
  const comment = comments.findLast((each) => each.end <= start)
  if (comment === undefined || comment.type !== 'Block' || !comment.value.startsWith('*')) return ''
  if (text.slice(comment.end, start).trim() !== '') return ''
  const lines = comment.value
    .slice(1)
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trim())
  return lines.join('\n').trim()
}
