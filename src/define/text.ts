import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  Scalar,
} from 'yaml'
import { type ProvenderError, fail } from '../kernel/errors.ts'
import type { Part, Path, Spot } from './place.ts'
import { type SourceText, sourceText } from './source-text.ts'

/** A YAML text as a part, and what is wrong with it as YAML. */
export interface ReadText {
  readonly part: Part
  readonly errors: readonly ProvenderError[]
}

/** What a YAML text may unfold to: an alias repeats what it names, and ten levels of ten repeat it 10^10 times. */
const yamlLimits = Object.freeze({ nodes: 200_000, depth: 32, aliases: 100 })

/**
 * Reads one YAML 1.2 document with the core schema. Keys are text as written (`true:` is "true"). No merge keys, no tags.
 * @param file its path in the repository, for places
 * @returns data without prototypes; undefined for an empty text. With a syntax error the data is undefined too.
 */
export function readYaml(file: string, text: string): ReadText {
  const source = sourceText(file, text)
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    uniqueKeys: false,
    merge: false,
    resolveKnownTags: false,
    prettyErrors: false,
    logLevel: 'error',
  })
  const reading: Reading = { document, source, ranges: new Map(), errors: [], nodes: 0, aliases: 0 }
  // After the first the parser is lost, and what it says is about itself.
  const [problem] = [...document.errors, ...document.warnings]
  if (problem !== undefined) complain(reading, problem.pos, problem.message, { remedy: unquoted(text, problem.pos) })
  const data = reading.errors.length === 0 ? plain(reading, document.contents, []) : undefined
  const broken = reading.errors.some((error) => error.code === 'SYNTAX_ERROR')
  const part: Part = {
    data: broken ? undefined : data,
    incomplete: broken,
    locate: (path, spot, hint) => {
      const [start, end] = rangeOf(reading, path, spot)
      return source.place(start, end, hint)
    },
  }
  return Object.freeze({ part: Object.freeze(part), errors: Object.freeze(reading.errors) })
}

type Range = readonly [start: number, end: number]

interface Reading {
  readonly document: Document.Parsed
  readonly source: SourceText
  readonly ranges: Map<string, { readonly key?: Range; readonly value: Range }>
  readonly errors: ProvenderError[]
  nodes: number
  aliases: number
}

interface Complaint {
  readonly code?: 'SYNTAX_ERROR' | 'DUPLICATE_NAME'
  readonly remedy?: string | undefined
}

function complain(reading: Reading, [start, end]: Range, detail: string, said: Complaint = {}): void {
  const { at, excerpt } = reading.source.place(start, end)
  const { code = 'SYNTAX_ERROR', remedy } = said
  reading.errors.push(fail(code, detail.replaceAll(/\s+/g, ' '), { at, excerpt, remedy }))
}

/** `{ port: ${PORT} }` reads like a mapping in a mapping. */
function unquoted(text: string, [start]: Range): string | undefined {
  return /\$\{?$/.test(text.slice(0, start + 1)) ? 'Put a variable within { } or [ ] in quotes: "${NAME}".' : undefined
}

function plain(reading: Reading, node: Node | null, path: Path): unknown {
  if (node === null) return undefined
  if (++reading.nodes > yamlLimits.nodes || path.length > yamlLimits.depth) {
    if (reading.errors.length === 0)
      complain(
        reading,
        range(node),
        `The document has more than ${yamlLimits.nodes} values or ${yamlLimits.depth} levels`,
      )
    return undefined
  }
  note(reading, path, { value: range(node) })
  if (isAlias(node)) return plainAlias(reading, node, path)
  if (isScalar(node)) return node.value
  if (isSeq<Node>(node)) return node.items.map((item, i) => plain(reading, item, [...path, i]))
  return isMap<Node, Node | null>(node) ? plainMap(reading, node.items, path) : undefined
}

function plainAlias(reading: Reading, alias: Alias, path: Path): unknown {
  const target = alias.resolve(reading.document)
  if (target === undefined || ++reading.aliases > yamlLimits.aliases) {
    complain(
      reading,
      range(alias),
      target === undefined
        ? `There is no anchor "${alias.source}"`
        : `The document has more than ${yamlLimits.aliases} aliases`,
    )
    return undefined
  }
  return plain(reading, target, path)
}

function plainMap(reading: Reading, pairs: readonly Pair<Node, Node | null>[], path: Path): object {
  const members: Record<string, unknown> = Object.create(null) as Record<string, unknown>
  for (const { key, value } of pairs) {
    const name = keyText(key)
    if (name === undefined) {
      complain(reading, range(key), 'A key must be text')
      continue
    }
    const inner = [...path, name]
    const before = reading.ranges.get(JSON.stringify(inner))?.key
    if (Object.hasOwn(members, name) && before !== undefined) {
      complain(
        reading,
        range(key),
        `"${name}" stands here a second time; first at ${reading.source.place(...before).at}`,
        { code: 'DUPLICATE_NAME' },
      )
      continue
    }
    const read = value === null ? null : plain(reading, value, inner)
    note(reading, inner, { key: range(key), value: value === null || isEmpty(value) ? range(key) : range(value) })
    members[name] = read
  }
  return members
}

/** A plain key is the text it was written as: a feature may be called `true`, `null` or `no`. */
function keyText(key: Node): string | undefined {
  if (!isScalar(key)) return undefined
  if (typeof key.value === 'string') return key.value
  return key.type === Scalar.PLAIN && key.source !== undefined && key.source !== '' ? key.source : undefined
}

function range(node: Node): Range {
  const [start, end] = node.range ?? [0, 0]
  return [start, end]
}

/** Nothing after the colon is a value too, of no length. */
function isEmpty(node: Node): boolean {
  const [start, end] = range(node)
  return start === end
}

function note(reading: Reading, path: Path, at: { readonly key?: Range; readonly value: Range }): void {
  reading.ranges.set(JSON.stringify(path), at)
}

/** The range of a path, or of the nearest thing around it. */
function rangeOf(reading: Reading, path: Path, spot: Spot): Range {
  for (let length = path.length; length >= 0; length--) {
    const at = reading.ranges.get(JSON.stringify(path.slice(0, length)))
    if (at === undefined) continue
    return spot === 'key' || length < path.length ? (at.key ?? at.value) : at.value
  }
  return [0, 0]
}
