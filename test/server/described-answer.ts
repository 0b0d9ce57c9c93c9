import { isDeepStrictEqual } from 'node:util'
import { problemType } from '../../src/contract/route.ts'
import type { Answer } from './bench.ts'

type Json = Readonly<Record<string, unknown>>

/** An OpenAPI document, as far as answers are held against it. */
export interface Description extends Json {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

export interface Operation extends Json {
  readonly operationId: string
  readonly responses: Readonly<Record<string, Json>>
}

/** All operations of a document, by their names. */
export const operationsOf = ({ paths }: Description): ReadonlyMap<string, Operation> =>
  new Map(Object.values(paths).flatMap((item) => Object.values(item).map((each) => [each.operationId, each])))

/** What is wrong with an answer, by what the document says of its operation: its status, its type, its body; nothing if it is as described. */
export function faultOf(document: Description, operation: Operation, answer: Answer): string | undefined {
  const listed = operation.responses[String(answer.status)]
  if (listed === undefined) return `the status ${answer.status} is not described`
  const { content = {}, headers = {} } = resolved(document, listed) as {
    readonly content?: Readonly<Record<string, { readonly schema?: unknown }>>
    readonly headers?: Json
  }
  const missing = Object.keys(headers).find(
    (name) => resolved(document, headers[name] as Json)['required'] === true && answer.headers[name] === undefined,
  )
  if (missing !== undefined) return `the header ${missing} is missing`
  const type = answer.headers['content-type']?.split(';', 1)[0] ?? ''
  const media = content[type]
  if (media === undefined) return `the type ${type} is not described`
  if (media.schema === undefined) return undefined
  return faultIn(
    document,
    media.schema,
    type === 'application/json' || type === problemType ? JSON.parse(answer.text) : answer.text,
    '',
  )
}

/** Keywords that say something about data; any other one that is met is a fault of the checker. */
const annotations = new Set(['description', 'examples', 'example', 'format', 'title', '$defs', 'propertyNames'])

/** The first place where data does not have a schema: a checker of its own, that knows nothing of what the schemas were made from. */
function faultIn(document: Description, given: unknown, data: unknown, at: string): string | undefined {
  if (given === true) return undefined
  if (given === false) return `${at} is one too many`
  const schema = resolved(document, given as Json)
  const bad = (what: string): string =>
    `${at === '' ? '/' : at}: ${what}, not ${String(JSON.stringify(data)).slice(0, 100)}`
  for (const [keyword, value] of Object.entries(schema)) {
    const fault = checks[keyword]?.({ document, schema, value, data, at, bad })
    if (fault !== undefined) return fault
    if (checks[keyword] === undefined && !annotations.has(keyword)) return `the checker does not know "${keyword}"`
  }
  return undefined
}

function resolved(document: Description, schema: Json): Json {
  const { $ref, ...rest } = schema
  if (typeof $ref !== 'string') return schema
  const target = $ref
    .slice('#/'.length)
    .split('/')
    .reduce<unknown>((node, step) => (node as Json)[step], document)
  return { ...resolved(document, target as Json), ...rest }
}

interface Check {
  readonly document: Description
  readonly schema: Json
  readonly value: unknown
  readonly data: unknown
  readonly at: string
  readonly bad: (what: string) => string
}

const isObject = (data: unknown): data is Json => typeof data === 'object' && data !== null && !Array.isArray(data)

const types: Readonly<Record<string, (data: unknown) => boolean>> = {
  object: isObject,
  array: Array.isArray,
  string: (data) => typeof data === 'string',
  number: (data) => typeof data === 'number',
  integer: Number.isInteger,
  boolean: (data) => typeof data === 'boolean',
  null: (data) => data === null,
}

const first = (faults: Iterable<string | undefined>): string | undefined => {
  for (const fault of faults) if (fault !== undefined) return fault
  return undefined
}

const checks: Readonly<Record<string, (check: Check) => string | undefined>> = {
  type: ({ value, data, bad }) =>
    [value].flat().some((name) => types[String(name)]?.(data)) ? undefined : bad(`${String(value)} is described`),
  enum: ({ value, data, bad }) =>
    (value as unknown[]).some((each) => isDeepStrictEqual(each, data))
      ? undefined
      : bad(`one of ${String(value)} is described`),
  const: ({ value, data, bad }) => (isDeepStrictEqual(value, data) ? undefined : bad(`${String(value)} is described`)),
  anyOf: ({ document, value, data, at, bad }) =>
    (value as unknown[]).some((each) => faultIn(document, each, data, at) === undefined)
      ? undefined
      : bad('a choice is described'),
  required: ({ value, data, bad }) => {
    const missing = isObject(data) ? (value as string[]).find((name) => !Object.hasOwn(data, name)) : undefined
    return missing === undefined ? undefined : bad(`"${missing}" is described`)
  },
  properties: ({ document, value, data, at }) =>
    isObject(data)
      ? first(
          Object.entries(value as Json).map(([name, schema]) =>
            Object.hasOwn(data, name) ? faultIn(document, schema, data[name], `${at}/${name}`) : undefined,
          ),
        )
      : undefined,
  additionalProperties: ({ document, schema, value, data, at }) =>
    isObject(data)
      ? first(
          Object.keys(data)
            .filter((name) => !Object.hasOwn((schema['properties'] ?? {}) as Json, name))
            .map((name) => faultIn(document, value, data[name], `${at}/${name}`)),
        )
      : undefined,
  items: ({ document, schema, value, data, at }) =>
    Array.isArray(data)
      ? first(
          data
            .map((each: unknown, i) => [each, i] as const)
            .slice(((schema['prefixItems'] ?? []) as unknown[]).length)
            .map(([each, i]) => faultIn(document, value, each, `${at}/${i}`)),
        )
      : undefined,
  prefixItems: ({ document, value, data, at }) =>
    Array.isArray(data)
      ? first((value as unknown[]).map((each, i) => faultIn(document, each, data[i], `${at}/${i}`)))
      : undefined,
  minItems: ({ value, data, bad }) =>
    !Array.isArray(data) || data.length >= Number(value) ? undefined : bad(`at least ${String(value)} are described`),
  maxItems: ({ value, data, bad }) =>
    !Array.isArray(data) || data.length <= Number(value) ? undefined : bad(`at most ${String(value)} are described`),
  minLength: ({ value, data, bad }) =>
    typeof data !== 'string' || data.length >= Number(value)
      ? undefined
      : bad(`${String(value)} characters are described`),
  minimum: ({ value, data, bad }) =>
    typeof data !== 'number' || data >= Number(value) ? undefined : bad(`at least ${String(value)} is described`),
  maximum: ({ value, data, bad }) =>
    typeof data !== 'number' || data <= Number(value) ? undefined : bad(`at most ${String(value)} is described`),
  pattern: ({ value, data, bad }) =>
    typeof data !== 'string' || new RegExp(String(value), 'u').test(data)
      ? undefined
      : bad(`${String(value)} is described`),
}
