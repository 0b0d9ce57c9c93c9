import { z } from 'zod'
import { newRoute } from './new-route.ts'
import type { ListKind } from './store.ts'

const notes = {
  name: z.string(),
  description: z.string().exactOptional(),
  owner: z.string().exactOptional(),
  tags: z.record(z.string(), z.string()).exactOptional(),
}
const column = z.looseObject({ name: z.string(), type: z.string(), column: z.string() })
const names = z.array(z.string())
const instantText = z.string()
const intervals = z.array(z.tuple([instantText.nullable(), instantText]))

const entity = z
  .looseObject({ ...notes, keys: z.array(z.looseObject({ name: z.string(), type: z.string() })), views: names })
  .meta({ id: 'Entity', description: 'An entity, and the views that describe it' })

const source = z
  .looseObject({ ...notes, type: z.string(), timestamp: z.string(), created: z.string().exactOptional(), views: names })
  .meta({ id: 'Source', description: 'A source as it is defined, and the views over it' })

const view = z
  .looseObject({
    ...notes,
    entities: names,
    keys: z.array(column),
    source: z.string(),
    timestamp: z.string(),
    created: z.string().exactOptional(),
    ttl: z.string().exactOptional(),
    freshness: z.string().exactOptional().describe('As it was promised'),
    lateness: z.string().exactOptional(),
    online: z.boolean(),
    features: z.array(column),
    services: names.describe('Those that read it'),
    generation: instantText.nullable().describe('The one that serves; null where none does'),
    coverage: intervals.describe('Event times that are materialized, [start, end); null: from the beginning'),
    rows: z.int().nullable().exactOptional().describe('Online now, tombstones left out; null: unknown'),
    newestEventTime: instantText.nullable().exactOptional(),
    ageSeconds: z.number().exactOptional().describe('Of the newest event time'),
    fresh: z.boolean().exactOptional().describe('Whether the promise is kept'),
    building: z
      .looseObject({ generation: instantText, coverage: intervals })
      .exactOptional()
      .describe('The generation that is being built beside it'),
    error: z.unknown().exactOptional().describe('Why less is known of what is stored than there is'),
  })
  .meta({ id: 'View', description: 'A view with nothing left to be looked up, and what is stored of it' })

const service = z
  .looseObject({ ...notes, features: names.describe('Feature references') })
  .meta({ id: 'Service', description: 'A service as it is defined' })

const shapes = { entities: entity, sources: source, views: view, 'on-demand': z.looseObject(notes), services: service }

const listOf = <const Kind extends ListKind>(kind: Kind) =>
  newRoute({
    method: 'GET',
    path: `/v1/${kind}`,
    summary: `The ${kind} of the registry's newest version, by name`,
    permission: 'metadata',
    answer: z.strictObject({ [kind]: z.array(shapes[kind]) }),
  })

const oneOf = <const Kind extends ListKind>(kind: Kind) =>
  newRoute({
    method: 'GET',
    path: `/v1/${kind}/{name}`,
    summary: `One of the ${kind}, with what is stored of it`,
    permission: 'metadata',
    answer: shapes[kind],
    errorStatuses: [404],
  })

/** What is defined, by kind. */
export const listRoutes = Object.freeze({
  entities: listOf('entities'),
  entity: oneOf('entities'),
  sources: listOf('sources'),
  source: oneOf('sources'),
  views: listOf('views'),
  view: oneOf('views'),
  onDemand: listOf('on-demand'),
  onDemandOne: oneOf('on-demand'),
  services: listOf('services'),
  service: oneOf('services'),
})
