import { z } from 'zod'
import { newRoute } from './new-route.ts'
import type { ListKind } from './store.ts'

const described = z.looseObject({ name: z.string() })

const listOf = <const Kind extends ListKind>(kind: Kind) =>
  newRoute({
    method: 'GET',
    path: `/v1/${kind}`,
    summary: `The ${kind} of the registry's newest version, by name`,
    permission: 'metadata',
    answer: z.strictObject({ [kind]: z.array(described) }),
  })

const oneOf = <const Kind extends ListKind>(kind: Kind) =>
  newRoute({
    method: 'GET',
    path: `/v1/${kind}/{name}`,
    summary: `One of the ${kind}, with what is stored of it`,
    permission: 'metadata',
    answer: described,
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
