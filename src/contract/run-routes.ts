import { z } from 'zod'
import { flag, instant, newRoute, whole, said } from './new-route.ts'

const states = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const

const progress = z.strictObject({
  run: z.string(),
  view: z.string(),
  phase: z.enum(['waiting', 'reading', 'writing', 'catching-up', 'switching', 'done']),
  rows: z.number(),
  fraction: z.number().nullable(),
  rowsPerSecond: z.number(),
})

const run = z
  .strictObject({
    id: z.string(),
    kind: z.literal('materialize'),
    view: z.string(),
    state: z.enum(states),
    interval: z.tuple([z.string().nullable(), z.string()]),
    rows: z.int(),
    written: z.int(),
    superseded: z.int(),
    skipped: z.int(),
    startedAt: z.string().nullable(),
    seconds: z.number(),
    notes: z.array(z.string()),
    error: z.strictObject({ code: z.string(), detail: z.string() }).exactOptional(),
    progress: progress.exactOptional(),
  })
  .meta({ id: 'Run' })

const runs = z.strictObject({ runs: z.array(run) })

/** Materializations. */
export const runRoutes = Object.freeze({
  materialize: newRoute({
    method: 'POST',
    path: '/v1/materialize',
    summary: 'Compute views from history and bring them online',
    permission: 'materialize',
    query: z.strictObject({ wait: flag.exactOptional().describe('Answer when the runs have ended') }),
    body: z.strictObject({
      views: z.array(z.string().min(1)).min(1).exactOptional().describe('All that are online, unless given'),
      start: instant.exactOptional(),
      end: instant.exactOptional(),
      since: z.string().exactOptional().describe('A duration, such as 7d: start is so long ago'),
      repair: z.boolean().exactOptional().describe('Build a fresh generation, also from what is covered'),
    }),
    answer: runs,
    statuses: [202, 200],
    errorStatuses: [404, 409],
    deadline: 'none',
  }),
  maintain: newRoute({
    method: 'POST',
    path: '/v1/maintain',
    summary: 'Bring the push log online and free what is due, now: a worker does it every few seconds',
    permission: 'materialize',
    body: z.strictObject({}),
    answer: z.strictObject({}),
    deadline: 'none',
  }),
  runs: newRoute({
    method: 'GET',
    path: '/v1/runs',
    summary: 'Materializations, newest first',
    permission: 'metadata',
    query: z.strictObject({
      view: z.string().exactOptional().describe('Of this view'),
      state: z.enum(states).exactOptional().describe('In this state'),
      limit: whole.exactOptional().describe(said.limit),
    }),
    answer: runs,
  }),
  run: newRoute({
    method: 'GET',
    path: '/v1/runs/{id}',
    summary: 'One materialization',
    permission: 'metadata',
    answer: run,
    errorStatuses: [404],
  }),
  cancelRun: newRoute({
    method: 'POST',
    path: '/v1/runs/{id}/cancel',
    summary: 'End a materialization; what it has covered stays',
    permission: 'materialize',
    body: z.strictObject({}),
    answer: run,
    errorStatuses: [404],
  }),
})
