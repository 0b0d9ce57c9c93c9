import { z } from 'zod'
import { columns, flag, instant, members, newRoute, references, whole, said } from './new-route.ts'
import type { MediaType } from './route.ts'
import { batchesType, valuesHeader } from './wire-names.ts'

/** The forms of spines. */
const spineTypes = Object.freeze([
  'application/json',
  'application/vnd.apache.parquet',
  'text/csv',
  'application/x-ndjson',
] as const satisfies readonly MediaType[])

/** The forms that tables are answered in; JSON unless asked for another. */
const tableTypes = Object.freeze([...spineTypes, batchesType] as const satisfies readonly MediaType[])

const table = z
  .strictObject({
    columns: z.record(z.string(), z.array(z.unknown())),
    types: z.record(z.string(), z.string()),
    rows: z.int(),
    notes: z.array(z.string()),
  })
  .meta({ id: 'Table', description: 'Columns in the order of the table; the types of all of them' })

const usual = Object.freeze({
  method: 'POST',
  permission: 'read-offline',
  answer: table,
  answers: tableTypes,
  errorStatuses: [404, 409, 413, 415],
} as const)

/** Tables of history. */
export const historicalRoutes = Object.freeze({
  historical: newRoute({
    ...usual,
    path: '/v1/historical',
    summary: 'A training set: features as they were known at each row of a spine',
    query: z.strictObject({
      features: references.exactOptional(),
      timestamp: z.string().exactOptional().describe("The spine's timestamp column"),
      fullNames: flag.exactOptional().describe(said.fullNames),
      knownBy: z.enum(['spine']).exactOptional().describe('Only what was known at the instant of the spine row'),
      asOf: instant.exactOptional().describe(said.asOf),
      registryVersion: whole.exactOptional().describe('By the definitions of this version'),
    }),
    body: z.strictObject({
      features: references,
      spine: z.strictObject({
        rows: z.array(members).exactOptional(),
        columns: columns.exactOptional(),
        sql: z.string().min(1).exactOptional().describe('One SELECT over the sources, where server.sql allows it'),
      }),
      timestamp: z.string().exactOptional().describe("The spine's timestamp column"),
      fullNames: z.boolean().exactOptional().describe(said.fullNames),
      knownBy: z.enum(['spine']).exactOptional().describe('Only what was known at the instant of the spine row'),
      asOf: instant.exactOptional().describe(said.asOf),
      registryVersion: z.int().min(0).exactOptional().describe('By the definitions of this version'),
    }),
    accepts: spineTypes,
    headers: [valuesHeader, 'content-disposition'],
  }),
  historicalEvents: newRoute({
    ...usual,
    path: '/v1/historical/events',
    summary: 'Every row of a view with an event time in an interval',
    body: z.strictObject({
      features: references,
      start: instant,
      end: instant,
      asOf: instant.exactOptional().describe(said.asOf),
      fullNames: z.boolean().exactOptional().describe(said.fullNames),
    }),
  }),
  historicalSnapshot: newRoute({
    ...usual,
    path: '/v1/historical/snapshot',
    summary: 'The row of each entity of a view at an instant',
    body: z.strictObject({
      features: references,
      at: instant,
      asOf: instant.exactOptional().describe(said.asOf),
      fullNames: z.boolean().exactOptional().describe(said.fullNames),
      includeExpired: z.boolean().exactOptional().describe(said.includeExpired),
    }),
  }),
})
