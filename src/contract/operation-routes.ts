import { z } from 'zod'
import { newRoute } from './new-route.ts'

const dependencies = z.record(z.string(), z.strictObject({ ok: z.boolean(), detail: z.string().exactOptional() }))

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
