import { openApi } from '../../src/contract/open-api.ts'
import type { Route } from '../../src/contract/route.ts'
import { routeAreas } from '../../src/contract/routes.ts'
import { code, generatedFrom, page, tableOf } from './markdown.ts'
import { type RefText, type Schema, fieldsOf, typeText } from './schema-fields.ts'

interface Parameter {
  readonly $ref?: string
  readonly name: string
  readonly in: string
  readonly required?: boolean
  readonly description?: string
  readonly schema: Schema
}

type Content = Readonly<Record<string, { readonly schema?: Schema }>>

interface Operation {
  readonly summary: string
  readonly parameters: readonly Parameter[]
  readonly requestBody?: { readonly required: boolean; readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly $ref?: string; readonly content?: Content }>>
}

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>
    readonly parameters: Readonly<Record<string, Parameter>>
    readonly responses: Readonly<Record<string, { readonly description: string }>>
  }
}

const json = 'application/json'

/** The reference page of the HTTP API, from its OpenAPI description, which is made from the route table. */
export function httpPage(version: string): string {
  const description = openApi(version) as unknown as Description
  const { schemas, responses } = description.components
  const ref: RefText = (name) => `[${name}](#${name.toLowerCase()})`
  return page(
    '# HTTP',
    generatedFrom('src/contract/*-routes.ts'),
    introduction,
    '## Every request',
    everyRequest,
    tableOf(
      ['header', ''],
      [
        [code('x-timeout-ms'), 'The deadline in milliseconds; what a route has without it stands with the route'],
        ...headersOf(description, 'x-request-id'),
      ],
    ),
    '## Errors',
    errors,
    tableOf(
      ['status', ''],
      [
        ...statusRows(description),
        ['405', 'The route has another method; `allow` names it'],
        [
          '503',
          `${responses['Unavailable']?.description ?? ''}; \`retry-after\` says in how many seconds to try again`,
        ],
      ].sort(([a = ''], [b = '']) => (a < b ? -1 : 1)),
    ),
    ...routeAreas.flatMap(({ area, about, routes }) => [
      `## ${area}`,
      `${about}.`,
      ...Object.values<Route>(routes).flatMap(({ method, path }) => {
        const operation = description.paths[path]?.[method.toLowerCase()]
        if (operation === undefined) throw new Error(`${method} ${path} is described`)
        return routeParts(`${method} ${path}`, operation, { description, ref })
      }),
    ]),
    '## Shapes',
    ...Object.entries(schemas).flatMap(([name, schema]) => [
      `### ${name}`,
      schema.description === undefined ? '' : `${schema.description}.`,
      fieldTable(schema, ref),
    ]),
  )
}

const introduction = `A running server describes itself: \`GET /openapi.json\` is this page as OpenAPI 3.1, and \`GET /docs\` is a page that shows it
and asks the server. Values in JSON have the wire form of their type: int64 with every digit, instants in RFC 3339, UTC
without a zone, \`"NaN"\`, \`"Infinity"\` and \`"-Infinity"\` as texts, bytes in base64. In a URL, keys are text and read by their type.`

const everyRequest = `Bodies are \`application/json\` unless said. A member that a body does not have is an error with the nearest right name.`

const errors = `Every error is \`application/problem+json\`, a [Problem](#problem); its \`code\` is one of [the error codes](errors.md). Any
request may be answered with 400, 413, 500, 503 and 504; one with a body, with 415. Others stand with their route.`

const statusRows = ({ components: { responses } }: Description): string[][] =>
  [
    ['400', 'BadRequest'],
    ['404', 'NotFound'],
    ['409', 'Conflict'],
    ['413', 'TooLarge'],
    ['415', 'UnsupportedMediaType'],
    ['500', 'Fault'],
    ['504', 'DeadlineExceeded'],
  ].map(([status = '', name = '']) => [status, responses[name]?.description ?? ''])

const headersOf = ({ components: { parameters } }: Description, ...names: readonly string[]): string[][] =>
  Object.values(parameters)
    .filter(({ name }) => names.includes(name))
    .map(({ name, description = '' }) => [code(name), description])

interface Told {
  readonly description: Description
  readonly ref: RefText
}

function routeParts(heading: string, operation: Operation, { description, ref }: Told): string[] {
  const { summary, parameters, requestBody, responses } = operation
  const resolved = parameters.map((each) =>
    each.$ref === undefined ? each : (description.components.parameters[each.$ref.split('/').at(-1) ?? ''] ?? each),
  )
  const deadline = resolved.find(({ name }) => name === 'x-timeout-ms')?.description?.replace(/^.*; usually /, '')
  const own = resolved.filter(({ name }) => name !== 'x-timeout-ms' && name !== 'x-request-id')
  const [good] = Object.values(responses)
  const goodStatuses = Object.keys(responses).filter((each) => each < '300')
  const others = Object.keys(responses).filter((each) => each === '404' || each === '409')
  return [
    `### ${code(heading)}`,
    `${summary}.`,
    tableOf(
      ['parameter', 'in', 'type', '', ''],
      own.map((each) => [
        code(each.name),
        each.in,
        typeText(each.schema, ref),
        each.required === true ? 'required' : '',
        each.description ?? '',
      ]),
    ),
    ...bodyParts('Body', requestBody?.content, ref),
    ...bodyParts(`Answer (${goodStatuses.join(' or ')})`, good?.content, ref),
    [deadlineText(deadline), others.length === 0 ? '' : `Own errors: ${others.join(', ')}.`].join(' ').trim(),
  ]
}

/** `250 (server.limits.onlineTimeoutMs)` in words. */
function deadlineText(told: string | undefined): string {
  const [, ms, setting] = /^(\d+)(?: \((.*)\))?$/.exec(told ?? '') ?? []
  if (ms === undefined) return 'No deadline.'
  return `Deadline: ${Number(ms).toLocaleString('en-US')} ms${setting === undefined ? '' : ` (${code(setting)})`}.`
}

/** What a body or answer is: its types, and the fields of its JSON. */
function bodyParts(title: string, content: Content | undefined, ref: RefText): string[] {
  if (content === undefined) return []
  const types = Object.keys(content)
  const schema = content[json]?.schema
  const told = types.length === 1 && types[0] === json ? '' : ` ${types.map(code).join(', ')}`
  if (schema === undefined) return [`${title}:${told}`]
  if (schema.properties === undefined || Object.keys(schema.properties).length === 0)
    return [`${title}:${told === '' ? '' : `${told};`} ${schema.$ref === undefined ? '`{}`' : typeText(schema, ref)}`]
  return [`${title}:${told}`, fieldTable(schema, ref)]
}

const fieldTable = (schema: Schema, ref: RefText): string =>
  tableOf(
    ['member', 'type', '', ''],
    fieldsOf(schema, ref).map(({ path, type, required, about }) => [
      code(path),
      type,
      required ? '' : 'optional',
      about,
    ]),
  )
