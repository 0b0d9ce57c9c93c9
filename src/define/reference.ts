import { fail } from '../kernel/errors.ts'

/** A feature reference taken apart: `view`, `view:feature`, `service`, `view@alias(joinKey=column,…):feature`. */
export interface Reference {
  readonly text: string
  /** A view, an on-demand view or a service. */
  readonly name: string
  readonly alias?: string
  /** Join key → spine column or entity field, as written. */
  readonly keys: ReadonlyMap<string, string>
  readonly feature?: string
}

const name = '[a-z][a-z0-9_]{0,62}'
const pattern = new RegExp(`^(${name})(?:@(${name})(?:\\(([^()]*)\\))?)?(?::(${name}))?$`)
const pair = new RegExp(`^\\s*(${name})\\s*=\\s*([^\\s,=()][^,=()]*?)\\s*$`)

/**
 * Reads a feature reference; `at` is its place in a request.
 * @throws BAD_REQUEST when it is none, naming the text and the grammar.
 */
export function parseReference(text: string, at?: string): Reference {
  const m = pattern.exec(text.trim())
  if (m?.[1] === undefined) {
    throw fail('BAD_REQUEST', `"${text}" is not a feature reference`, {
      at,
      remedy:
        'Write view, view:feature, service, view@alias or view@alias(join_key=column,…), with an optional :feature after it.',
    })
  }
  const keys = new Map<string, string>()
  for (const part of m[3]?.split(',') ?? []) {
    const p = pair.exec(part)
    if (p?.[1] === undefined || p[2] === undefined)
      throw fail('BAD_REQUEST', `"${part.trim()}" in the reference "${text}" is not join_key=column`, { at })
    keys.set(p[1], p[2])
  }
  return Object.freeze({
    text,
    name: m[1],
    keys,
    ...(m[2] === undefined ? {} : { alias: m[2] }),
    ...(m[4] === undefined ? {} : { feature: m[4] }),
  })
}
