import { z } from 'zod'
import { instant, newRoute, whole, said } from './new-route.ts'
import { valuesHeader } from './wire-names.ts'

const rejected = z.strictObject({ row: z.int(), code: z.string(), detail: z.string() }).meta({ id: 'RejectedRow' })

/** Rows in, and rows that were refused. */
export const writeRoutes = Object.freeze({
  push: newRoute({
    method: 'POST',
    path: '/v1/push/{target}',
    summary: 'Push rows to a view or a source',
    permission: 'push',
    headers: ['idempotency-key', valuesHeader],
    body: z.strictObject({
      rows: z.array(z.unknown()).describe('Objects with a member for each column'),
      to: z.enum(['both', 'online', 'offline']).exactOptional().describe('Where they go: both, unless said'),
    }),
    answer: z.strictObject({ accepted: z.int(), superseded: z.int(), rejected: z.array(rejected) }),
    errorStatuses: [404, 409],
  }),
  delete: newRoute({
    method: 'DELETE',
    path: '/v1/online/{view}',
    summary: 'Delete one entity of a view, from an instant on',
    permission: 'push',
    headers: [valuesHeader],
    keysInQuery: true,
    query: z.strictObject({ _at: instant.exactOptional().describe('When it was deleted; now unless given') }),
    answer: z.strictObject({ deleted: z.boolean() }),
    errorStatuses: [404],
  }),
  deadLetters: newRoute({
    method: 'GET',
    path: '/v1/dead-letters',
    summary: 'Rows that were refused, oldest first',
    permission: 'push',
    query: z.strictObject({
      source: z.string().exactOptional().describe('The view or source that they were pushed to'),
      limit: whole.exactOptional().describe(said.limit),
      after: z.string().exactOptional().describe('`next` of the answer before'),
    }),
    answer: z.strictObject({
      deadLetters: z.array(
        z.strictObject({
          id: z.string(),
          at: z.string(),
          source: z.string(),
          row: z.unknown(),
          code: z.string(),
          detail: z.string(),
        }),
      ),
      next: z.string().exactOptional(),
    }),
  }),
  replayDeadLetters: newRoute({
    method: 'POST',
    path: '/v1/dead-letters/replay',
    summary: 'Push refused rows again: those that are good now leave the list',
    permission: 'push',
    body: z.strictObject({ ids: z.array(z.string()).exactOptional(), source: z.string().exactOptional() }),
    answer: z.strictObject({ replayed: z.int(), accepted: z.int(), rejected: z.int() }),
  }),
  load: newRoute({
    method: 'POST',
    path: '/v1/load',
    summary: 'Copy file sources into an offline store that cannot read files in place',
    permission: 'materialize',
    body: z.strictObject({ sources: z.array(z.string()).exactOptional() }),
    answer: z.strictObject({
      sources: z.array(z.strictObject({ source: z.string(), rows: z.int(), skipped: z.int() })),
    }),
    errorStatuses: [404],
    deadline: 'none',
  }),
})
