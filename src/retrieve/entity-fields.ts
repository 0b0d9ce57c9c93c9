import type { At } from '../codecs/json-value.ts'
import { fromJs, parseKeyText } from '../codecs/from-js.ts'
import { parseValue, writeValue } from '../codecs/json-value.ts'
import { type ProvenderError, fail } from '../kernel/errors.ts'
import { limits } from '../kernel/limits.ts'
import { nearest } from '../kernel/nearest.ts'
import { type ByteList, ByteListWriter } from '../values/byte-list.ts'
import { type KeyType, writeKeyPart, writeSafeInt64, writeShortAscii } from '../values/entity-key.ts'
import type { Value } from '../values/value.ts'
import type { KeyField } from './catalog.ts'

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

/** How entities are written, where, and how many may be asked for at once. */
export interface EntityTerms {
  readonly form: EntityForm
  readonly placeOf: PlaceOf
  readonly most: number
}

/** What keys are made of: fields, and lists of their places, for each of which an entity has a key. */
export interface KeyPlan {
  readonly keyFields: readonly KeyField[]
  readonly keyLists: readonly (readonly number[])[]
  /** Whether there is one list, and it has the fields in their order: then an entity's fields as they are written are its key. */
  readonly keyIsFields: boolean
}

/** The encoded fields of entities, one after the other. Reading them never waits, so that all calls share the room. */
const parts = new ByteListWriter(64 * 1024)
/** Where the fields of one entity begin and end in it: twice as many places as fields; −1 where one is null. */
const bounds: number[] = []
/** What is being read. */
const place = { row: 0, field: '' }

/**
 * Reads the join keys of all entities and encodes them: item i of `result[l]` is entity i's key by list l, missing where one
 * of its fields is null.
 * @throws MISSING_KEY and UNKNOWN_COLUMN naming the field with its place; BAD_VALUE; KEY_TOO_LONG; PAYLOAD_TOO_LARGE.
 */
export function readKeys(plan: KeyPlan, entities: readonly Entity[], terms: EntityTerms): readonly ByteList[] {
  const { keyFields, keyLists } = plan
  if (entities.length > terms.most)
    throw fail('PAYLOAD_TOO_LARGE', `${entities.length} entities are asked for; one call takes ${terms.most}`, {
      at: '/entities',
    })
  const [only] = keyLists
  parts.begin()
  if (plan.keyIsFields && only !== undefined) {
    for (place.row = 0; place.row < entities.length; place.row++) {
      const start = parts.at
      readEntity(keyFields, entities[place.row], terms)
      if (isWhole(only)) {
        checkKey(keyFields, only, terms)
        parts.end(start)
      } else {
        parts.at = start
        parts.miss()
      }
    }
    return [parts.take()]
  }
  const keys = keyLists.map(() => new ByteListWriter(0))
  for (place.row = 0; place.row < entities.length; place.row++) {
    parts.begin()
    readEntity(keyFields, entities[place.row], terms)
    for (const [l, list] of keyLists.entries()) {
      if (isWhole(list)) checkKey(keyFields, list, terms)
      addKey(list, keys[l] ?? parts)
    }
  }
  return keys.map((writer) => writer.take())
}

/** Writes the fields of one entity. */
function readEntity(fields: readonly KeyField[], entity: unknown, terms: EntityTerms): void {
  const { placeOf } = terms
  if (!isObject(entity))
    throw fail('BAD_REQUEST', 'An entity is an object of join keys', { at: `/entities/${place.row}` })
  for (let f = 0; f < fields.length; f++) {
    const field = fields[f]
    if (field === undefined) break
    const input = Object.hasOwn(entity, field.name) ? entity[field.name] : undefined
    if (input === undefined)
      throw fail('MISSING_KEY', `The join key "${field.name}" of ${field.label} is missing`, {
        at: placeOf(place.row, field.name),
      })
    place.field = field.name
    const start = parts.at
    const there = writeField(field.type, input, terms)
    bounds[2 * f] = there ? start : -1
    bounds[2 * f + 1] = parts.at
  }
  let members = 0
  for (const _ in entity) members++
  if (members !== fields.length) refuseUnknown(fields, entity, (name) => placeOf(place.row, name))
}

const isObject = (given: unknown): given is Entity =>
  typeof given === 'object' && given !== null && !Array.isArray(given)

/** Writes one field; false where it is null. Most keys are short texts or numbers, which need not become values first. */
function writeField(type: KeyType, input: unknown, { form, placeOf }: EntityTerms): boolean {
  if (type === 'string' && typeof input === 'string' && writeShortAscii(input, parts)) return true
  if (type === 'int64') {
    const number = form === 'text' && typeof input === 'string' && fewDigits.test(input) ? Number(input) : input
    if (typeof number === 'number' && Number.isSafeInteger(number)) {
      writeSafeInt64(number, parts)
      return true
    }
  }
  const at = (): string => placeOf(place.row, place.field)
  const value = readers[form](type, input, at)
  if (value === null) return false
  const bytes = typeof value === 'string' ? Buffer.byteLength(value) : value instanceof Uint8Array ? value.length : 0
  if (bytes > limits.keyBytes) throw tooLong(bytes, at())
  writeKeyPart(type, value, parts)
  return true
}

/** A join key that was read, as JSON text of its type. */
export function keyText(type: KeyType, input: unknown, form: EntityForm): string {
  if (typeof input === 'string') {
    if (type === 'string') return JSON.stringify(input)
    if (form === 'text' && (type === 'int64' || type === 'int32') && plainDigits.test(input)) return input
  }
  return writeValue(type, readers[form](type, input, ''))
}

/** An integer that is written as it is sent. */
const plainDigits = /^(?:0|-?[1-9]\d{0,14})$/

/** An integer of so few digits is exact as a number. */
const fewDigits = /^-?\d{1,15}$/

/** Whether no field of a list is null. */
function isWhole(list: readonly number[]): boolean {
  for (const field of list) if (bounds[2 * field] === -1) return false
  return true
}

/** Demands that the fields of a list together are no longer than a key may be, texts without the lengths before them. */
function checkKey(fields: readonly KeyField[], list: readonly number[], { placeOf }: EntityTerms): void {
  let bytes = 0
  for (const f of list) bytes += (bounds[2 * f + 1] ?? 0) - (bounds[2 * f] ?? 0)
  if (bytes <= limits.keyBytes) return
  for (const f of list) if (fields[f]?.type === 'string' || fields[f]?.type === 'bytes') bytes -= lengthBytes
  if (bytes > limits.keyBytes) throw tooLong(bytes, placeOf(place.row, fields[0]?.name ?? ''))
}

const lengthBytes = 2

const tooLong = (bytes: number, at: string): ProvenderError =>
  fail('KEY_TOO_LONG', `The join keys of an entity have ${bytes} bytes; ${limits.keyBytes} are allowed`, { at })

/** Adds an entity's key by one list of its fields. */
function addKey(list: readonly number[], keys: ByteListWriter): void {
  if (!isWhole(list)) {
    keys.miss()
    return
  }
  const start = keys.at
  for (const field of list) {
    const [from = 0, to = 0] = [bounds[2 * field], bounds[2 * field + 1]]
    keys.need(to - from)
    keys.at += parts.bytes.copy(keys.bytes, keys.at, from, to)
  }
  keys.end(start)
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
