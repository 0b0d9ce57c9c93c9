import { realpathSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Part, Path, Spot } from '../define/place.ts'
import { type SourceText } from '../define/source-text.ts'
import { fail, type ProvenderError } from '../kernel/errors.ts'
import type { TypescriptThrown } from './typescript-message.ts'

/** A file of definitions with its text. */
export interface TypescriptFile {
  /** Absolute. */
  readonly path: string
  readonly source: SourceText
}

/**
 * A part for one exported definition. Its data has no positions, so places are looked for in the text: the export, and
 * within its statement the names of the fields one after the other.
 */
export function exportPart(source: SourceText, exportName: string, document: Readonly<Record<string, unknown>>): Part {
  const statement = findExport(source.text, exportName)
  const locate = (path: Path, spot: Spot, hint?: string): ReturnType<Part['locate']> => {
    const [start, end] = findField(source.text, statement, { path: path.slice(2), spot })
    return source.place(start, end, hint)
  }
  return Object.freeze({ data: document, incomplete: false, locate })
}

/** Where the exported name stands, and where its statement ends. */
interface Statement {
  readonly start: number
  readonly end: number
  readonly stop: number
}

function findExport(text: string, name: string): Statement {
  const escaped = name.replaceAll('$', '\\$')
  const declared =
    new RegExp(`^[ \\t]*export\\s+(?:const|let|var)\\s+(?=${escaped}(?![\\w$]))`, 'm').exec(text) ??
    new RegExp(`\\b(?:const|let|var)\\s+(?=${escaped}(?![\\w$]))`).exec(text)
  const listed =
    declared ??
    (name === 'default'
      ? /\bexport\s+(?=default\b)/.exec(text)
      : new RegExp(`\\bexport\\s*\\{[^}]*?(?=\\b${escaped}(?![\\w$]))`).exec(text))
  if (listed === null) return { start: 0, end: 0, stop: text.length }
  const start = listed.index + listed[0].length
  const next = /\n(?:export|const|let|var|function|class|import)\b/.exec(text.slice(start))
  return { start, end: start + name.length, stop: next === null ? text.length : start + next.index }
}

/** The last field of the path whose name was found; for the value of one, the text after it up to the comma or brace. */
function findField(
  text: string,
  statement: Statement,
  field: { readonly path: Path; readonly spot: Spot },
): readonly [number, number] {
  let found: readonly [number, number] = [statement.start, statement.end]
  let all = true
  for (const step of field.path) {
    if (typeof step === 'number') continue
    const match = new RegExp(`(?<![\\w$])['"]?(${step.replaceAll(/[^\w]/g, '\\$&')})['"]?\\s*(?=[:,}(])`).exec(
      text.slice(found[1], statement.stop),
    )
    if (match?.[1] === undefined) {
      all = false
      break
    }
    const start = found[1] + match.index + match[0].indexOf(match[1])
    found = [start, start + match[1].length]
  }
  if (!all || field.spot === 'key' || field.path.length === 0) return found
  const value = /^['"]?\s*:\s*([^\n]*?)\s*(?=[,})\]]*\s*(?:\n|$)|[,}])/.exec(text.slice(found[1], statement.stop))
  if (value?.[1] === undefined || value[1] === '') return found
  const start = found[1] + value[0].indexOf(value[1])
  return [start, start + value[1].length]
}

/** The error of a file that could not be loaded, at the place in the repository where it went wrong. */
export function thrownError(dir: string, file: TypescriptFile, thrown: TypescriptThrown): ProvenderError {
  const [start, end] = thrownAt(file, thrown)
  const elsewhere = thrownElsewhere(dir, file, thrown)
  const { at, excerpt } = file.source.place(start, end)
  const message = thrown.message.replaceAll(/\s+/g, ' ').replaceAll(`${dir}/`, '')
  const syntax = thrown.name === 'SyntaxError' || thrown.url !== undefined
  const code = thrown.code ?? (syntax ? 'SYNTAX_ERROR' : 'INVALID_DEFINITION')
  const detail = thrown.code === undefined ? `${file.source.file} cannot be loaded: ${message}` : message
  return fail(code, detail, {
    at: elsewhere ?? at,
    ...(elsewhere === undefined ? { excerpt } : {}),
    remedy: thrown.remedy,
  })
}

const frame = /(file:\/\/[^\s()]+?):(\d+)(?::(\d+))?(?=[\s)]|$)/g

/** The place in the file's own text: from the stack, the caret of a syntax error, or a name that the message quotes. */
function thrownAt({ path, source }: TypescriptFile, thrown: TypescriptThrown): readonly [number, number] {
  if (thrown.url !== undefined && sameFile(thrown.url, path)) {
    const [, line] = /^[^\n]*?:(\d+)\n/.exec(thrown.stack) ?? []
    if (line !== undefined) return caret(source, Number(line), thrown.stack)
  }
  for (const [, url, line, column] of thrown.stack.matchAll(frame)) {
    if (url === undefined || !sameFile(url, path)) continue
    if (column === undefined) return caret(source, Number(line), thrown.stack)
    const start = source.offsetOf(Number(line), Number(column))
    return [start, start + (/^[\w$]+/.exec(source.text.slice(start))?.[0].length ?? 1)]
  }
  return quoted(source, thrown.message)
}

/** Node shows a syntax error as the line, maybe others around it, and carets under it. */
function caret(source: SourceText, line: number, stack: string): readonly [number, number] {
  const marks = stack.split('\n').find((text) => /^\s*\^+\s*$/.test(text)) ?? ''
  const column = marks.indexOf('^')
  const start = source.offsetOf(line, column === -1 ? 1 : column + 1)
  return [start, start + Math.max(1, marks.trim().length)]
}

/** Of `Identifier 'a' has already been declared` the second declaration; of `Cannot find package 'x'` its import. */
function quoted(source: SourceText, message: string): readonly [number, number] {
  const imported = /^Cannot find (?:module|package) '([^']+)'/.exec(message)?.[1]
  const name = imported?.split('/').at(-1) ?? /'([^']+)'/.exec(message)?.[1]
  if (name === undefined) return [0, 0]
  const start = imported === undefined ? secondDeclaration(source.text, name) : source.text.indexOf(name)
  return start === -1 ? [0, 0] : [start, start + name.length]
}

function secondDeclaration(text: string, name: string): number {
  const [, second] = text.matchAll(
    new RegExp(`\\b(?:const|let|var|function|class)\\s+(?=${name.replaceAll(/[^\w]/g, '\\$&')}\\b)`, 'g'),
  )
  return second === undefined ? text.indexOf(name) : second.index + second[0].length
}

/** Where a file that this one imports went wrong, if that lies in the repository. */
function thrownElsewhere(dir: string, file: TypescriptFile, thrown: TypescriptThrown): string | undefined {
  if (thrown.url !== undefined && !sameFile(thrown.url, file.path)) {
    const [, line = '1'] = /^[^\n]*?:(\d+)\n/.exec(thrown.stack) ?? []
    return inside(dir, thrown.url, `${line}:1`)
  }
  const [first] = [...thrown.stack.matchAll(frame)].filter(([, url = '']) => inside(dir, url, '') !== undefined)
  if (first?.[1] === undefined || sameFile(first[1], file.path)) return undefined
  return inside(dir, first[1], `${first[2] ?? '1'}:${first[3] ?? '1'}`)
}

function inside(dir: string, url: string, at: string): string | undefined {
  const path = relative(realpathSync(dir), fileURLToPath(url))
  return path.startsWith('..') || path.includes('node_modules') ? undefined : `${path}:${at}`
}

/** Node names files by their real paths. */
const sameFile = (url: string, path: string): boolean =>
  fileURLToPath(url.replace(/[?#].*$/, '')) === realpathSync(path)
