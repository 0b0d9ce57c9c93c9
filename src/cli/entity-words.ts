import type { Definitions } from '../define/definition.ts'
import { resolveView } from '../define/resolved-view.ts'

/** The words that name an entity of a view, with places to fill in: ` airport=…`. */
export function entityWords(definitions: Definitions, name: string): string {
  const view = definitions.views.get(name)
  const keys = view === undefined ? [] : resolveView(definitions, view).joinKeys
  return keys.map((key) => ` ${key.name}=…`).join('')
}
