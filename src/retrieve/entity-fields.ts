import type { At } from '../codecs/json-value.ts'
import { fromJs, parseKeyText } from '../codecs/from-js.ts'
import { parseValue } from '../codecs/json-value.ts'
import { fail } from '../kernel/errors.ts'
import { limits } from '../kernel/limits.ts'
import { nearest } from '../kernel/nearest.ts'
import { type KeyType, encodeEntityKey, entityKeyBytes } from '../values/entity-key.ts'
import type { Value } from '../values/value.ts'
import type { KeyField, Use } from './catalog.ts'

/** An entity as it is asked for: its join keys by field. */
export type Entity = Readonly<Record<string, unknown>>

/** How values of entities are written: as users of the SDK pass them, as JSON, or as the text of a URL or command line. */
export type EntityForm = 'js' | 'json' | 'text'

const readers: Readonly<Record<EntityForm, (type: KeyType, input: unknown, at: At) => Value | null>> = Object.freeze({
  js: fromJs,
  json: parseValue,
  text: (type, input, at) => (typeof input === 'string' ? parseKeyText(type, input, at) : fromJs(type, input, at)),
})

/** Where field `field` of entity `row` stands in the request, for errors. */
export type PlaceOf = (row: number, field: string) => string

/** The place in a body `{"entities": [{field: …}, …]}`. */
export const entityPointer: PlaceOf = (row, field) =>
  `/entities/${row}/${field.replaceAll('~', '~0').replaceAll('/', '~1')}`

/**
 * Reads the join keys of all entities: `result[f][i]` is of field f of entity i, null where it is null.
 * @throws MISSING_KEY and UNKNOWN_COLUMN naming the field with its place; BAD_VALUE; PAYLOAD_TOO_LARGE.
 */
export function readFields(
  fields: readonly KeyField[],
  entities: readonly Entity[],
  { form, placeOf, most }: { readonly form: EntityForm; readonly placeOf: PlaceOf; readonly most: number },
): (Value | null)[][] {
  if (entities.length > most)
    throw fail('PAYLOAD_TOO_LARGE', `${entities.length} entities are asked for; one call takes ${most}`, {
      at: '/entities',
    })
  const read = readers[form]
  const place = { row: 0, field: '' }
  const at = (): string => placeOf(place.row, place.field)
  const columns = fields.map((): (Value | null)[] => [])
  for (let row = 0; row < entities.length; row++) {
    const entity = entities[row]
    if (typeof entity !== 'object' || entity === null || Array.isArray(entity))
      throw fail('BAD_REQUEST', 'An entity is an object of join keys', { at: `/entities/${row}` })
    place.row = row
    for (let f = 0; f < fields.length; f++) {
      const field = fields[f]
      if (field === undefined) break
      const input = Object.hasOwn(entity, field.name) ? entity[field.name] : undefined
      if (input === undefined)
        throw fail('MISSING_KEY', `The join key "${field.name}" of ${field.label} is missing`, {
          at: placeOf(row, field.name),
        })
      place.field = field.name
      columns[f]?.push(read(field.type, input, at))
    }
    let members = 0
    for (const _ in entity) members++
    if (members !== fields.length) refuseUnknown(fields, entity, (name) => placeOf(row, name))
  }
  return columns
}

function refuseUnknown(fields: readonly KeyField[], entity: Entity, placeOf: (field: string) => string): void {
  const names = fields.map((field) => field.name)
  const unknown = Object.keys(entity).find((name) => !names.includes(name))
  if (unknown === undefined) return
  const near = nearest(unknown, names)
  throw fail('UNKNOWN_COLUMN', `"${unknown}" is no join key of what is asked for`, {
    at: placeOf(unknown),
    remedy: near === undefined ? `The join keys: ${names.join(', ') || 'none'}.` : `Did you mean ${near}?`,
  })
}

/** The different keys among entities, and which of them each entity has; −1 for one with a null key. */
export interface EntityKeys {
  readonly keys: readonly Uint8Array[]
  readonly index: readonly number[]
}

/** Encodes the keys of entities from the values of the key fields. `placeOf` says where entity i stands. @throws KEY_TOO_LONG. */
export type KeyReader = (
  columns: readonly (readonly (Value | null)[])[],
  rows: number,
  placeOf: (row: number) => string,
) => EntityKeys

/** Compiles the key reader of one use. */
export function keyReader(use: Pick<Use, 'view' | 'fields'>, keyFields: readonly KeyField[]): KeyReader {
  const types = use.view.joinKeys.map((k) => k.type)
  const at = use.fields.map((name) => keyFields.findIndex((field) => field.name === name))
  const encode = (
    values: readonly (Value | null)[],
    row: number,
    placeOf: (row: number) => string,
  ): Uint8Array | null => {
    const bytes = entityKeyBytes(types, values)
    if (bytes > limits.keyBytes)
      throw fail('KEY_TOO_LONG', `The join keys of an entity have ${bytes} bytes; ${limits.keyBytes} are allowed`, {
        at: placeOf(row),
      })
    return encodeEntityKey(types, values)
  }
  return (columns, rows, placeOf) => {
    const keys: Uint8Array[] = []
    const index: number[] = []
    const seen = new Map<Value | null, number>()
    for (let row = 0; row < rows; row++) {
      const values = at.map((f) => columns[f]?.[row] ?? null)
      // A single key that is no bytes tells entities apart as it is, the others only once they are encoded.
      const plain = values.length === 1 && !(values[0] instanceof Uint8Array) ? values[0] : undefined
      let known = plain === undefined ? undefined : seen.get(plain)
      if (known === undefined) {
        const key = encode(values, row, placeOf)
        const name = plain ?? (key === null ? null : Buffer.from(key).toString('latin1'))
        known = seen.get(name) ?? (key === null ? -1 : keys.push(key) - 1)
        seen.set(name, known)
      }
      index.push(known)
    }
    return { keys, index }
  }
}
