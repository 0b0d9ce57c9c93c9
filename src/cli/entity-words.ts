import type { Definitions } from '../define/definition.ts'
import { resolveView } from '../define/resolved-view.ts'

/** The words that name an entity of a view, with places to fill in: ` airport=…`. */
export const entityWords = (definitions: Definitions, name: string): string =>
  keysOf(definitions, name)
    .map((key) => ` ${key}=…`)
    .join('')

/** The same as the query string of a URL: `?airport=…`. */
export function entityQuery(definitions: Definitions, name: string): string {
  const keys = keysOf(definitions, name)
  return keys.length === 0 ? '' : `?${keys.map((key) => `${key}=…`).join('&')}`
}

function keysOf(definitions: Definitions, name: string): string[] {
  const view = definitions.views.get(name)
  return view === undefined ? [] : resolveView(definitions, view).joinKeys.map((key) => key.name)
}
