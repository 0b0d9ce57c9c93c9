import type { ListKind } from '../contract/store.ts'
import { fail } from '../kernel/errors.ts'
import { nearest } from '../kernel/nearest.ts'

/** The kinds of definitions, in the order of the grammar. */
export const kinds: readonly ListKind[] = Object.freeze(['entities', 'sources', 'views', 'on-demand', 'services'])

const singular: Readonly<Record<string, ListKind>> = Object.freeze({
  entity: 'entities',
  source: 'sources',
  view: 'views',
  service: 'services',
})

/** Reads a kind as people write it, also in the singular. @throws USAGE with the nearest one. */
export function kindOf(text: string): ListKind {
  const kind = Object.hasOwn(singular, text) ? singular[text] : kinds.find((each) => each === text)
  if (kind !== undefined) return kind
  const near = nearest(text, kinds)
  throw fail('USAGE', `There is no kind "${text}"`, {
    remedy: near === undefined ? `The kinds: ${kinds.join(', ')}.` : `Did you mean ${near}?`,
  })
}
