import { z } from 'zod'
import { columns, flag, members, newRoute, references, said } from './new-route.ts'
import { valuesHeader } from './wire-names.ts'

const status = z.enum(['PRESENT', 'NULL_VALUE', 'NOT_FOUND', 'OUTSIDE_MAX_AGE'])
const value = z.unknown().meta({ description: 'A value in the wire form of its type' })
const eventTime = z.string().nullable().meta({ description: 'RFC 3339; null where there is no row' })
const include = z.enum(['eventTimes'])

/** The newest values. */
export const onlineRoutes = Object.freeze({
  onlineOne: newRoute({
    method: 'GET',
    path: '/v1/online/{reference}',
    summary: 'The newest values of one entity, for people',
    permission: 'read-online',
    keysInQuery: true,
    query: z.strictObject({
      _include: include.exactOptional().describe('Also the event time of each view'),
      _includeExpired: flag.exactOptional().describe(said.includeExpired),
      _fullNames: flag.exactOptional().describe(said.fullNames),
    }),
    answer: z.strictObject({
      entity: z.record(z.string(), value),
      features: z.record(z.string(), value),
      statuses: z.record(z.string(), status),
      eventTimes: z.record(z.string(), eventTime).exactOptional(),
    }),
    errorStatuses: [404, 409],
    deadline: 'onlineTimeoutMs',
  }),
  online: newRoute({
    method: 'POST',
    path: '/v1/online',
    summary: 'The newest values of many entities, for models',
    permission: 'read-online',
    headers: [valuesHeader],
    body: z.strictObject({
      features: references,
      entities: z
        .union([z.array(z.unknown()), columns])
        .meta({ description: 'Objects of join keys, or columns of them' }),
      request: members.exactOptional().describe('Inputs of on-demand features, for all rows'),
      fullNames: z.boolean().exactOptional().describe(said.fullNames),
      includeExpired: z.boolean().exactOptional().describe(said.includeExpired),
      include: z.array(z.enum(['eventTimes', 'types'])).exactOptional(),
    }),
    answer: z.strictObject({
      features: z.array(z.string()),
      views: z.array(z.string()),
      types: z.array(z.string()).exactOptional(),
      keyFields: z.array(z.strictObject({ name: z.string(), type: z.string() })).exactOptional(),
      rows: z.array(
        z.strictObject({
          values: z.array(value),
          statuses: z.array(status).exactOptional(),
          eventTimes: z.array(eventTime).exactOptional(),
        }),
      ),
      registryVersion: z.int(),
    }),
    errorStatuses: [404, 409],
    deadline: 'onlineTimeoutMs',
  }),
})
