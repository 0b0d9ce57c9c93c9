import type { Definitions } from '../define/definition.ts'
import { parseReference } from '../define/reference.ts'
import { type JoinKey, resolveView } from '../define/resolved-view.ts'
import { parseKeyText } from '../codecs/from-js.ts'
import type { KeyType } from '../values/entity-key.ts'
import type { Value } from '../values/value.ts'

/**
 * The fields of an entity from the `key=value` words of a command line, each read by the type of its join key. A field that no
 * reference has stays text, so that the store names what is wrong.
 * @throws BAD_VALUE with the word.
 */
export function entityFrom(
  definitions: Definitions,
  references: readonly string[],
  pairs: ReadonlyMap<string, string>,
): { readonly entity: Readonly<Record<string, Value>>; readonly types: ReadonlyMap<string, KeyType> } {
  const types = fieldTypes(definitions, references)
  const entity = Object.create(null) as Record<string, Value>
  for (const [name, text] of pairs) {
    const type = types.get(name)
    entity[name] = type === undefined ? text : parseKeyText(type, text, `${name}=${text}`)
  }
  return { entity, types }
}

/** The entity fields that references read their join keys from, by name; references that mean nothing are left out. */
function fieldTypes(definitions: Definitions, references: readonly string[]): Map<string, KeyType> {
  const types = new Map<string, KeyType>()
  for (const reference of references.map((text) => parseReference(text))) {
    const service = definitions.services.get(reference.name)
    const read = service === undefined ? [reference] : service.features.map((text) => parseReference(text))
    for (const { name, keys } of read)
      for (const key of joinKeysOf(definitions, name)) types.set(keys.get(key.name) ?? key.name, key.type)
  }
  return types
}

function joinKeysOf(definitions: Definitions, name: string): readonly JoinKey[] {
  const view = definitions.views.get(name)
  return view === undefined ? [] : resolveView(definitions, view).joinKeys
}

/** The words that name an entity of a view, with places to fill in: ` airport=…`. */
export function entityOf(definitions: Definitions, view: string): string {
  return joinKeysOf(definitions, view)
    .map((key) => ` ${key.name}=…`)
    .join('')
}
