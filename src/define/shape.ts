import { z } from 'zod'
import { nearest } from '../kernel/nearest.ts'
import { limits } from '../kernel/limits.ts'
import { type Finding, suggest } from './finding.ts'
import type { IssueFacts } from './grammar-texts.ts'
import { canonicalJson } from './canonical-json.ts'
import { type Part, type Path, valueAt } from './place.ts'

/** What a schema is held against. */
export interface Shaped {
  readonly part: Part
  /** Where the data stands in the part. */
  readonly path: Path
  /** What the data is, for people: `view airport_delays`. */
  readonly subject: string
}

/** What was read, and everything that is wrong with it. */
export interface ShapeRead<T> {
  /** With findings: what is left when the wrong fields are taken out, if that has the shape. Good for further checks only. */
  readonly value?: T
  readonly findings: readonly Finding[]
}

/**
 * Holds data against a schema.
 * @param missing stands in for fields that are wrong or missing, so that the rest can still be looked at
 */
export function readShape<T>(schema: z.ZodType<T>, data: unknown, shaped: Shaped, missing: object = {}): ShapeRead<T> {
  const unsafe = findUnsafe(data, [])
  if (unsafe !== undefined) {
    return { findings: [finding(shaped, unsafe, { code: 'INVALID_DEFINITION', detail: unsafe.detail })] }
  }
  const findings = findWrong({ schema, data, shaped })
  if (findings.length === 0) return { value: schema.parse(data), findings }
  let rest = data
  // What is left may lack what was taken out of it, so that more has to go: a feature without its type.
  for (let wrong = findings; wrong.length > 0;) {
    const paths = new Set(wrong.map((found) => JSON.stringify(found.path.slice(shaped.path.length))))
    const less = without(rest, paths, [])
    const filled = typeof less === 'object' && !Array.isArray(less) ? { ...missing, ...less } : less
    if (canonicalJson(filled) === canonicalJson(rest)) return { findings }
    rest = filled
    wrong = findWrong({ schema, data: rest, shaped })
  }
  return { value: schema.parse(rest), findings }
}

function findWrong(held: Held): Finding[] {
  const result = held.schema.safeParse(held.data)
  return result.success ? [] : result.error.issues.flatMap((issue) => fromIssue(held, issue, []))
}

/** The data less what stands at some paths. */
function without(data: unknown, wrong: ReadonlySet<string>, path: Path): unknown {
  if (typeof data !== 'object' || data === null) return data
  const kept = Object.entries(data).flatMap(([key, value]): [string, unknown][] => {
    const inner = [...path, Array.isArray(data) ? Number(key) : key]
    return wrong.has(JSON.stringify(inner)) ? [] : [[key, without(value, wrong, inner)]]
  })
  return Array.isArray(data) ? kept.map(([, value]) => value) : Object.fromEntries(kept)
}

interface Held {
  readonly schema: z.ZodType
  readonly data: unknown
  readonly shaped: Shaped
}

type Issue = z.core.$ZodIssue

function fromIssue(held: Held, issue: Issue, before: Path): Finding[] {
  const path = [...before, ...issue.path.filter((step) => typeof step !== 'symbol')]
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownField(held, path, key))
    case 'invalid_key': {
      const [first] = issue.issues
      return first === undefined
        ? []
        : fromIssue(held, { ...first, path: [] }, path).map((f) => ({ ...f, spot: 'key' }))
    }
    case 'invalid_union':
      return fromUnion(held, issue, path)
    case 'invalid_type':
      return [wrongType(held, path, [issue.expected])]
    default: {
      const facts: IssueFacts = issue.code === 'custom' ? (issue.params ?? {}) : {}
      const detail = `${where(held.shaped, path)}: ${issue.message}`
      return [
        finding(held.shaped, { path, spot: 'value' }, { code: facts.code ?? 'INVALID_DEFINITION', detail, ...facts }),
      ]
    }
  }
}

/** Of a union, the branch that takes values of this type at all has the useful errors. */
function fromUnion(held: Held, issue: Issue & { code: 'invalid_union' }, path: Path): Finding[] {
  const fitting = issue.errors.find((errors) => !errors.some((e) => e.code === 'invalid_type' && e.path.length === 0))
  if (fitting !== undefined) return fitting.flatMap((inner) => fromIssue(held, inner, path))
  if (issue.message !== 'Invalid input')
    return [
      finding(
        held.shaped,
        { path, spot: 'value' },
        { code: 'INVALID_DEFINITION', detail: `${where(held.shaped, path)} ${issue.message}` },
      ),
    ]
  const expected = issue.errors.flatMap((errors) =>
    errors.flatMap((e) => (e.code === 'invalid_type' ? [e.expected] : [])),
  )
  return [wrongType(held, path, expected)]
}

function wrongType(held: Held, path: Path, expected: readonly string[]): Finding {
  const value = valueAt(held.data, path)
  const last = path.at(-1)
  if (value === undefined && typeof last === 'string') {
    const detail = `${where(held.shaped, path.slice(0, -1))} lacks \`${last}\``
    return finding(
      held.shaped,
      { path: path.slice(0, -1), spot: 'key' },
      { code: 'INVALID_DEFINITION', detail, remedy: `Add \`${last}:\`.` },
    )
  }
  const wanted = [...new Set(expected.map((name) => typeWords[name] ?? name))].join(' or ')
  const quote =
    wanted === 'text' && (typeof value === 'number' || typeof value === 'boolean')
      ? { remedy: `Write "${value}" in quotes.` }
      : {}
  const detail = `${where(held.shaped, path)} must be ${wanted}, not ${describe(value)}`
  return finding(held.shaped, { path, spot: 'value' }, { code: 'INVALID_DEFINITION', detail, ...quote })
}

function unknownField(held: Held, path: Path, key: string): Finding {
  const known = fieldsAt(held.schema, path)
  const near = nearest(key, known)
  return finding(
    held.shaped,
    { path: [...path, key], spot: 'key' },
    {
      code: 'UNKNOWN_FIELD',
      detail: `${where(held.shaped, path)} has no field "${key}"`,
      ...suggest(key, known, 'fields here'),
      ...(near === undefined ? {} : { hint: `did you mean "${near}"?` }),
    },
  )
}

/** The fields that a schema allows at a path, whatever branch of a union it is. */
function fieldsAt(schema: z.core.$ZodType, path: Path): string[] {
  const [step, ...rest] = path
  if (schema instanceof z.ZodOptional) return fieldsAt(schema.unwrap(), path)
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => fieldsAt(option, path))
  if (schema instanceof z.ZodRecord) return step === undefined ? [] : fieldsAt(schema.valueType, rest)
  if (schema instanceof z.ZodArray) return step === undefined ? [] : fieldsAt(schema.element, rest)
  if (!(schema instanceof z.ZodObject)) return []
  const shape = schema.shape as Readonly<Record<string, z.core.$ZodType>>
  if (step === undefined) return Object.keys(shape)
  const next = shape[step]
  return next === undefined ? [] : fieldsAt(next, rest)
}

const typeWords: Readonly<Record<string, string>> = Object.freeze({
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
})

function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  if (typeof value === 'string') return `the text "${value}"`
  return typeof value === 'number' || typeof value === 'bigint' ? `the number ${value}` : JSON.stringify(value)
}

/** `view airport_delays, features.delay`. */
export function where(shaped: Shaped, path: Path): string {
  const field = path.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('')
  return field === '' ? shaped.subject : `${shaped.subject}, ${field}`
}

function finding(
  shaped: Shaped,
  at: { readonly path: Path; readonly spot: 'key' | 'value' },
  said: Pick<Finding, 'code' | 'detail' | 'remedy' | 'hint'>,
): Finding {
  return { part: shaped.part, path: [...shaped.path, ...at.path], spot: at.spot, ...said }
}

interface Unsafe {
  readonly path: Path
  readonly spot: 'key'
  readonly detail: string
}

/** zod passes over `__proto__` in silence, and data from outside may be endlessly deep. */
function findUnsafe(data: unknown, path: Path): Unsafe | undefined {
  if (typeof data !== 'object' || data === null) return undefined
  if (path.length > limits.jsonDepth)
    return { path, spot: 'key', detail: `This lies more than ${limits.jsonDepth} levels deep` }
  for (const key of Object.keys(data)) {
    const inner = [...path, Array.isArray(data) ? Number(key) : key]
    if (key === '__proto__') return { path: inner, spot: 'key', detail: '"__proto__" is not a name' }
    const found = findUnsafe((data as Readonly<Record<string, unknown>>)[key], inner)
    if (found !== undefined) return found
  }
  return undefined
}
