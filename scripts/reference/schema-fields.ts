import { code } from './markdown.ts'

/** A JSON schema, as far as zod writes them. */
export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly pattern?: string
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Schema | boolean
  readonly items?: Schema
  readonly prefixItems?: readonly Schema[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
}

/** One row of a table of fields. */
export interface FieldRow {
  /** The path from the top: `spine.rows`, `changes[].action`, `entities.<name>`. */
  readonly path: string
  readonly type: string
  readonly required: boolean
  readonly about: string
}

/** How a type is told: a link for one that has a section of its own. */
export type RefText = (name: string) => string

/** All fields of a schema of an object, those within fields too, in their order. */
export function fieldsOf(schema: Schema, refText: RefText, path = ''): FieldRow[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const at = path === '' ? name : `${path}.${name}`
    const required = schema.required?.includes(name) === true
    return [
      { path: at, type: typeText(field, refText), required, about: field.description ?? '' },
      ...within(field, refText, at),
    ]
  })
}

/** The fields within a field: of an object, of the items of a list, of the values of a mapping, of each choice. */
function within(field: Schema, refText: RefText, at: string): FieldRow[] {
  const choices = [...(field.anyOf ?? []), ...(field.oneOf ?? [])]
  if (choices.length > 0) return choices.flatMap((choice) => within(choice, refText, at))
  if (field.properties !== undefined) return fieldsOf(field, refText, at)
  if (field.items !== undefined) return within(field.items, refText, `${at}[]`)
  if (typeof field.additionalProperties === 'object') return within(field.additionalProperties, refText, `${at}.<name>`)
  return []
}

/** A type in few words: `text`, `list of Run`, `"a" or "b"`. */
export function typeText(schema: Schema, refText: RefText): string {
  const { $ref, type, anyOf, oneOf, items, prefixItems, additionalProperties } = schema
  if ($ref !== undefined) return refText($ref.split('/').at(-1) ?? '')
  if (schema.const !== undefined) return code(JSON.stringify(schema.const))
  if (schema.enum !== undefined)
    return schema.enum.length > listedValues ? 'text' : either(schema.enum.map((value) => code(JSON.stringify(value))))
  const choices = anyOf ?? oneOf
  if (choices !== undefined) return either([...new Set(choices.map((choice) => typeText(choice, refText)))])
  if (prefixItems !== undefined) return `list of ${prefixItems.map((item) => typeText(item, refText)).join(', ')}`
  if (items !== undefined) return `list of ${one(items, refText)}`
  if (type === 'array') return 'list'
  if (typeof additionalProperties === 'object' && Object.keys(additionalProperties).length > 0)
    return additionalProperties.properties === undefined
      ? `mapping of ${one(additionalProperties, refText)}`
      : 'mapping'
  // A number in a query string.
  if (type === 'string' && schema.pattern?.startsWith('^\\d') === true) return 'whole number'
  const types = typeof type === 'string' ? [type] : (type ?? [])
  return types.length === 0 ? 'any' : either(types.map((each) => words[each] ?? each))
}

/** Of a longer list of texts, what it is a list of stands elsewhere. */
const listedValues = 12

const words: Readonly<Record<string, string>> = Object.freeze({
  string: 'text',
  integer: 'whole number',
  boolean: 'true or false',
  object: 'mapping',
})

/** A type after "of". */
function one(schema: Schema, refText: RefText): string {
  const text = typeText(schema, refText)
  return text.includes(' or ') ? `(${text})` : text
}

const either = (texts: readonly string[]): string =>
  texts.length < 3 ? texts.join(' or ') : `${texts.slice(0, -1).join(', ')} or ${texts.at(-1) ?? ''}`
