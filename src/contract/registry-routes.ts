import { z } from 'zod'
import { flag, members, newRoute, whole, said } from './new-route.ts'
import type { MediaType } from './route.ts'

const definitions = members.meta({ type: 'object', description: 'The YAML grammar as JSON' })

const change = z
  .strictObject({
    action: z.enum(['add', 'change', 'remove']),
    kind: z.enum(['entity', 'source', 'view', 'on-demand', 'service']),
    name: z.string(),
    breaking: z.boolean(),
    fields: z
      .array(z.strictObject({ path: z.string(), from: z.unknown().exactOptional(), to: z.unknown().exactOptional() }))
      .exactOptional(),
    consequence: z.string(),
  })
  .meta({ id: 'Change' })

const plan = z.strictObject({ version: z.int(), changes: z.array(change) }).meta({ id: 'Plan' })

const versionFields = {
  version: z.int(),
  parent: z.int(),
  createdAt: z.string(),
  author: z.string(),
  message: z.string().exactOptional().describe('Why, for the history'),
}

/** Definitions come as JSON, or as YAML with all else in the query string. */
const definitionTypes = Object.freeze(['application/json', 'application/yaml'] as const satisfies readonly MediaType[])

const terms = {
  parentVersion: z.int().min(0).exactOptional().describe('Refuse unless this is the newest version'),
  allowBreaking: z.boolean().exactOptional().describe('Also where it breaks what is in use'),
  message: z.string().exactOptional(),
}

const planning = Object.freeze({
  method: 'POST',
  query: z.strictObject({
    parentVersion: whole.exactOptional().describe('Refuse unless this is the newest version'),
    allowBreaking: flag.exactOptional().describe('Also where it breaks what is in use'),
    message: z.string().exactOptional().describe('Why, for the history'),
  }),
  body: z.strictObject({ definitions, ...terms }),
  accepts: definitionTypes,
  answer: plan,
  errorStatuses: [409],
} as const)

/** The registry, and what plan and apply do to it. */
export const registryRoutes = Object.freeze({
  about: newRoute({
    method: 'GET',
    path: '/v1',
    summary: 'What is served here: the name of the project',
    permission: 'metadata',
    answer: z.strictObject({ project: z.string() }),
  }),
  registry: newRoute({
    method: 'GET',
    path: '/v1/registry',
    summary: 'A version of the registry with its definitions; the newest unless named',
    permission: 'metadata',
    query: z.strictObject({ version: whole.exactOptional().describe('The newest unless given') }),
    answer: z.strictObject({
      ...versionFields,
      changes: z.int(),
      definitions: z.strictObject({
        entities: definitions,
        sources: definitions,
        views: definitions,
        on_demand: definitions,
        services: definitions,
      }),
    }),
    errorStatuses: [404],
  }),
  versions: newRoute({
    method: 'GET',
    path: '/v1/registry/versions',
    summary: 'The versions of the registry, newest first',
    permission: 'metadata',
    query: z.strictObject({ limit: whole.exactOptional().describe(said.limit) }),
    answer: z.strictObject({ versions: z.array(z.strictObject({ ...versionFields, changes: z.int() })) }),
  }),
  diff: newRoute({
    method: 'GET',
    path: '/v1/registry/diff',
    summary: 'What differs between two versions; the second is the newest unless named',
    permission: 'metadata',
    query: z.strictObject({
      from: whole.describe('The older version'),
      to: whole.exactOptional().describe('The newer version'),
    }),
    answer: z.strictObject({ from: z.int(), to: z.int(), changes: z.array(change) }),
    errorStatuses: [404],
  }),
  plan: newRoute({
    ...planning,
    path: '/v1/plan',
    summary: 'What an apply of definitions would change, and what follows from it',
    permission: 'apply',
  }),
  apply: newRoute({
    ...planning,
    path: '/v1/apply',
    summary: 'Make definitions the next version of the registry: they replace all that is there',
    permission: 'apply',
  }),
  rollback: newRoute({
    method: 'POST',
    path: '/v1/registry/rollback',
    summary: 'Make an old version the newest one',
    permission: 'apply',
    body: z.strictObject({ version: z.int().min(0), ...terms }),
    answer: plan,
    errorStatuses: [404, 409],
  }),
  validate: newRoute({
    method: 'POST',
    path: '/v1/validate',
    summary: 'Check definitions; all their errors at once',
    permission: 'metadata',
    body: z.strictObject({ definitions }),
    accepts: definitionTypes,
    answer: z.strictObject({ ok: z.boolean(), errors: z.array(z.looseObject({ code: z.string() })) }),
  }),
})
