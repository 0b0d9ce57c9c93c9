import { z } from 'zod'
import { requestLimitTable } from '../define/request-limits.ts'
import { errorTable } from '../kernel/errors.ts'
import { type Route, errorStatusesOf, probeTimeoutMs, problemType } from './route.ts'
import { routeAreas } from './routes.ts'
import { notesHeader, valuesHeader } from './wire-names.ts'

/** A JSON object of the description. */
type Json = Readonly<Record<string, unknown>>

/**
 * The description of the HTTP API in OpenAPI 3.1, made from the route table: every route of it and nothing else.
 * @param version of the package that serves it
 */
export function openApi(version: string): Json {
  const shared = new Map<string, Json>([['Problem', problemSchema()]])
  const paths: Record<string, Record<string, Json>> = {}
  for (const { area, routes } of routeAreas)
    for (const [name, route] of Object.entries(routes) as [string, Route][])
      (paths[route.path] ??= {})[route.method.toLowerCase()] = operation({ name, area, route }, shared)
  return {
    openapi: '3.1.1',
    info: {
      title: 'Provender',
      version,
      description: introduction,
      license: { name: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: routeAreas.map(({ area, about }) => ({ name: area, description: about })),
    paths,
    components: {
      schemas: Object.fromEntries([...shared].sort(([a], [b]) => (a < b ? -1 : 1))),
      parameters: commonParameters,
      headers: commonHeaders,
      responses: Object.fromEntries(
        Object.entries(problemStatuses).map(([status, row]) => [row.name, problemResponse(status)]),
      ),
    },
  }
}

const introduction = `A feature store: the newest values of features for models, training sets as of each row of a spine, and all that keeps the two alike.

Every error is \`${problemType}\` with a code of one table. Instants are RFC 3339, UTC without a zone; int64 values keep every digit.`

interface Described {
  readonly name: string
  readonly area: string
  readonly route: Route
}

type Shared = Map<string, Json>

function operation({ name, area, route }: Described, shared: Shared): Json {
  const errors = errorStatusesOf(route).map((status) => [
    String(status),
    { $ref: `#/components/responses/${problemStatuses[status]?.name ?? ''}` },
  ])
  return {
    operationId: name,
    summary: route.summary,
    tags: [area],
    'x-permission': route.permission,
    parameters: [...pathParameters(route), ...queryParameters(route, shared), ...headerParameters(route)],
    ...requestBody(route, shared),
    responses: {
      ...Object.fromEntries(route.statuses.map((status) => [String(status), goodResponse(route, status, shared)])),
      ...Object.fromEntries(errors),
    },
  }
}

/** A zod schema as a JSON schema; those that have an id are shared by all that name them. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output', shared: Shared): Json {
  const { $schema: _, $defs = {}, ...own } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  const here = (json: unknown): Json =>
    JSON.parse(JSON.stringify(json).replaceAll('"#/$defs/', '"#/components/schemas/')) as Json
  for (const [id, each] of Object.entries($defs)) shared.set(id, here(each))
  return here(own)
}

const pathNames: Readonly<Record<string, string>> = Object.freeze({
  reference: 'A feature reference: view, view:feature, service, view@alias(key=column)',
  view: 'The name of a view',
  target: 'The name of a view or source',
  name: 'The name of a definition',
  id: 'The id of a run',
  code: 'A code of the error table',
  file: 'A file of the page',
})

const pathParameters = ({ path }: Route): Json[] =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    description: pathNames[name] ?? name,
    schema: { type: 'string' },
  }))

function queryParameters({ query, keysInQuery, accepts }: Route, shared: Shared): Json[] {
  const { properties = {}, required = [] } = schemaOf(query, 'input', shared) as {
    readonly properties?: Readonly<Record<string, Json>>
    readonly required?: readonly string[]
  }
  // A route that takes other bodies than JSON has these parameters for them alone.
  const beside = accepts.length > 1 ? ' (only where the body is not JSON)' : ''
  const options = Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    description: `${typeof description === 'string' ? description : name}${beside}`,
    schema,
  }))
  return keysInQuery ? [joinKeys, ...options] : options
}

/** Join keys are parameters of any name: a form of all members of one object. */
const joinKeys: Json = Object.freeze({
  name: 'keys',
  in: 'query',
  description: 'The join keys of the entity, each a parameter of its own: `?airport=ORD`',
  style: 'form',
  explode: true,
  schema: { type: 'object', additionalProperties: { type: 'string' } },
  example: { airport: 'ORD' },
})

/** The headers that routes name, and that of every route. */
const commonParameters: Readonly<Record<string, Json>> = Object.freeze({
  RequestId: {
    name: 'x-request-id',
    in: 'header',
    description: 'Comes back with the answer; replaced where it is not of this form',
    schema: { type: 'string', pattern: '^[A-Za-z0-9._:-]{1,128}$' },
  },
  IdempotencyKey: {
    name: 'idempotency-key',
    in: 'header',
    description: 'Makes a retry safe for 24 hours: the same key and body get the first answer; another body is a 409',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
  },
  Values: {
    name: valuesHeader,
    in: 'header',
    description: 'How values are written that are not in the wire form: as JavaScript has them, or keys as texts',
    schema: { type: 'string', enum: ['js', 'text'] },
  },
  ContentDisposition: {
    name: 'content-disposition',
    in: 'header',
    description: 'What a spine that is the body is called in errors: `attachment; filename="spine.csv"`',
    schema: { type: 'string' },
  },
})

function headerParameters({ headers, deadline }: Route): Json[] {
  const usual = deadline === 'none' ? 'none' : deadline === 'probe' ? probeTimeoutMs : requestLimitTable[deadline].usual
  const timeout = {
    name: 'x-timeout-ms',
    in: 'header',
    description: `The deadline in milliseconds; usually ${usual}${deadline === 'none' || deadline === 'probe' ? '' : ` (server.limits.${deadline})`}`,
    schema: { type: 'integer', minimum: 1, maximum: requestLimitTable.longestTimeoutMs.usual },
  }
  const shared = Object.entries(commonParameters).filter(
    ([, { name }]) => name === 'x-request-id' || headers.includes(String(name)),
  )
  return [timeout, ...shared.map(([id]) => ({ $ref: `#/components/parameters/${id}` }))]
}

function requestBody({ body, accepts }: Route, shared: Shared): Json {
  if (body === null) return {}
  const content: Json = Object.fromEntries(
    accepts.map((media) => [
      media,
      media === 'application/json' ? { schema: schemaOf(body, 'input', shared) } : textOrBytes(media),
    ]),
  )
  return { requestBody: { required: !body.safeParse({}).success, content } }
}

/** Bytes have no schema, texts that of a text. */
const textOrBytes = (media: string): Json =>
  media === 'application/vnd.apache.parquet' ? {} : { schema: { type: 'string' } }

function goodResponse({ answer, answers }: Route, status: number, shared: Shared): Json {
  const content = answers.map((media) => [
    media,
    media === 'application/json' ? { schema: schemaOf(answer, 'output', shared) } : textOrBytes(media),
  ])
  return {
    description: status === 202 ? 'Accepted: it goes on' : 'Done',
    headers: {
      'x-request-id': { $ref: '#/components/headers/RequestId' },
      // What a table says beside its rows, where its form has no place for it.
      ...(answers.includes('text/csv') ? { [notesHeader]: { $ref: '#/components/headers/Notes' } } : {}),
    },
    content: Object.fromEntries(content),
  }
}

const commonHeaders: Readonly<Record<string, Json>> = Object.freeze({
  RequestId: { description: 'The id of the request', required: true, schema: { type: 'string' } },
  RetryAfter: { description: 'Seconds after which to try again', required: true, schema: { type: 'integer' } },
  Notes: { description: 'What the reader should know: a JSON array in ASCII', schema: { type: 'string' } },
})

/** The statuses of errors, in words. */
const problemStatuses: Readonly<Record<string, { readonly name: string; readonly description: string }>> =
  Object.freeze({
    400: { name: 'BadRequest', description: 'Something about the request is wrong; the problem says what and where' },
    404: { name: 'NotFound', description: 'There is nothing of that name' },
    409: { name: 'Conflict', description: 'In conflict with what is there, or a breaking change that was not allowed' },
    413: { name: 'TooLarge', description: 'The headers, the body, its rows, or a table as JSON are too large' },
    415: {
      name: 'UnsupportedMediaType',
      description: 'The body, or what `accept` asks for, is of no type that the route has',
    },
    500: { name: 'Fault', description: 'A fault in Provender, or a store that holds what cannot be read' },
    503: { name: 'Unavailable', description: 'A store cannot be reached or is full, or the server has too much to do' },
    504: { name: 'DeadlineExceeded', description: 'The deadline passed' },
  })

function problemResponse(status: string): Json {
  const headers = { 'x-request-id': { $ref: '#/components/headers/RequestId' } }
  return {
    description: problemStatuses[status]?.description ?? status,
    headers: status === '503' ? { ...headers, 'retry-after': { $ref: '#/components/headers/RetryAfter' } } : headers,
    content: { [problemType]: { schema: { $ref: '#/components/schemas/Problem' } } },
  }
}

/** RFC 9457. Some problems say more: what `/readyz` looked at. */
function problemSchema(): Json {
  return {
    type: 'object',
    description: 'What went wrong, to which named thing, and what to do next',
    required: ['type', 'title', 'status', 'detail', 'code', 'remedy'],
    properties: {
      type: { type: 'string', format: 'uri' },
      title: { type: 'string' },
      status: { type: 'integer' },
      detail: { type: 'string' },
      code: { type: 'string', enum: Object.keys(errorTable) },
      remedy: { type: 'string' },
      at: {
        type: 'string',
        description: 'A JSON pointer into the request, a parameter or header, or file:line:column',
      },
      errors: { type: 'array', items: { $ref: '#/components/schemas/Problem' } },
    },
  }
}
