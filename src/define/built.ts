import { fail } from '../kernel/errors.ts'
import { limits } from '../kernel/limits.ts'
import type { SectionName } from './grammar.ts'

const mark = Symbol.for('provender.definition')

/** What every builder makes: a frozen value with its name and its body in the YAML grammar. */
export interface Built<
  Kind extends 'entity' | 'source' | 'view' | 'service' = 'entity' | 'source' | 'view' | 'service',
> {
  readonly kind: Kind
  readonly name: string
  /** The definition as it would stand in YAML under its name. */
  readonly definition: Readonly<Record<string, unknown>>
}

const sections: Readonly<Record<Built['kind'], SectionName>> = Object.freeze({
  entity: 'entities',
  source: 'sources',
  view: 'views',
  service: 'services',
})

/** Makes a builder's value. The body is copied, so that nobody can change it later. */
export function build<T extends Built>(given: {
  readonly kind: Built['kind']
  readonly name: string
  readonly body: object
  readonly shown: object
}): T {
  const value = { ...given.shown, kind: given.kind, name: given.name, definition: plain(given.body, 0) }
  return Object.freeze(Object.defineProperty(value, mark, { value: true })) as unknown as T
}

/** Whether a value was made by a builder, even by one of a second copy of the package. */
export function isBuilt(value: unknown): value is Built {
  return typeof value === 'object' && value !== null && mark in value
}

/** The document that holds one built value: `{views: {name: body}}`. */
export function documentOf(built: Built): Readonly<Record<string, unknown>> {
  return { [sections[built.kind]]: { [built.name]: built.definition } }
}

/** The name of a value, or the value itself where it has none: validation says what is wrong with it. */
export function nameOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'name' in value ? value.name : value
}

/** A frozen copy as plain data. What is no data becomes a text that says so, and validation refuses it. */
function plain(value: unknown, depth: number): unknown {
  if (depth > limits.jsonDepth)
    throw fail('INVALID_DEFINITION', `A definition has more than ${limits.jsonDepth} levels`)
  if (typeof value === 'function') return '(a function)'
  if (typeof value === 'symbol') return '(a symbol)'
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return Object.freeze(value.map((item) => plain(item ?? null, depth + 1)))
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return Object.freeze(Object.fromEntries(members.map(([name, member]) => [name, plain(member, depth + 1)])))
}
