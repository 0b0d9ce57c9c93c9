import { z } from 'zod'
import { newRoute } from './new-route.ts'

const dependency = z.strictObject({
  ok: z.boolean(),
  detail: z.string().exactOptional(),
  degraded: z.literal(true).exactOptional(),
})
const dependencies = z.record(z.string(), dependency)

/** What probes and people ask a server about itself. */
export const operationRoutes = Object.freeze({
  errorCode: newRoute({
    method: 'GET',
    path: '/v1/errors/{code}',
    summary: 'What an error code means and what to do about it',
    permission: 'none',
    answer: z.strictObject({
      code: z.string(),
      title: z.string(),
      status: z.int(),
      exit: z.int(),
      retryable: z.boolean(),
      remedy: z.string(),
    }),
    errorStatuses: [404],
  }),
  doctor: newRoute({
    method: 'GET',
    path: '/v1/doctor',
    summary: 'What commonly goes wrong, each looked at: machine, stores, files, views',
    permission: 'metadata',
    answer: z.strictObject({
      ok: z.boolean(),
      checks: z.array(
        z.strictObject({
          name: z.string(),
          status: z.enum(['ok', 'warn', 'fail']),
          detail: z.string(),
          remedy: z.string().exactOptional(),
        }),
      ),
    }),
  }),
  openApi: newRoute({
    method: 'GET',
    path: '/openapi.json',
    summary: 'This description: OpenAPI 3.1',
    permission: 'none',
    answer: z.looseObject({ openapi: z.string(), paths: z.record(z.string(), z.unknown()) }),
  }),
  docs: newRoute({
    method: 'GET',
    path: '/docs',
    summary: 'A page that shows this description and asks the server',
    permission: 'none',
    answer: z.string(),
    answers: ['text/html'],
  }),
  docsFile: newRoute({
    method: 'GET',
    path: '/docs/{file}',
    summary: 'A script or style of the page',
    permission: 'none',
    answer: z.string(),
    answers: ['text/javascript', 'text/css'],
    errorStatuses: [404, 415],
  }),
  livez: newRoute({
    method: 'GET',
    path: '/livez',
    summary: 'Whether the process answers',
    permission: 'none',
    answer: z.strictObject({ ok: z.literal(true) }),
  }),
  readyz: newRoute({
    method: 'GET',
    path: '/readyz',
    summary: 'Whether all that the server needs is there, each by name',
    permission: 'none',
    answer: z.strictObject({ ok: z.literal(true), dependencies }),
    deadline: 'probe',
  }),
  metrics: newRoute({
    method: 'GET',
    path: '/metrics',
    summary: 'What the server counted and how the views stand, for Prometheus',
    permission: 'none',
    answer: z.string(),
    answers: ['text/plain'],
  }),
})
