import type { output } from 'zod'
import type { ParameterOf } from '../contract/route.ts'
import type { Routes } from '../contract/routes.ts'
import { clientLimits } from './client-limits.ts'

/** What the client knows of a route. */
export interface ServerCall {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  /** Whether doing it twice is doing it once, so that it may be tried again when nobody knows whether it was done. */
  readonly repeats: boolean
  /** The deadline unless the caller has one; null where the server has none. */
  readonly timeoutMs: number | null
  /** Members that a good answer has, so far as they are looked into. */
  readonly answer: Readonly<Record<string, 'array' | 'object' | 'number' | 'string' | 'boolean'>>
}

/** The part of the route table that stands here once more, and is held to it by its type: the schemas of the table take longer to load than most calls take. */
type Told = {
  readonly [N in keyof Routes]?: ServerCall & { readonly method: Routes[N]['method']; readonly path: Routes[N]['path'] }
}

const { onlineMs, otherMs } = clientLimits
const read = Object.freeze({ repeats: true, timeoutMs: otherMs })
const change = Object.freeze({ repeats: false, timeoutMs: otherMs })

/** Every route that the remote store uses. */
export const serverCalls = Object.freeze({
  about: { ...read, method: 'GET', path: '/v1', answer: { project: 'string' } },
  online: {
    repeats: true,
    timeoutMs: onlineMs,
    method: 'POST',
    path: '/v1/online',
    answer: {
      features: 'array',
      views: 'array',
      types: 'array',
      keyFields: 'array',
      rows: 'array',
      registryVersion: 'number',
    },
  },
  historical: { ...read, method: 'POST', path: '/v1/historical', answer: {} },
  historicalEvents: { ...read, method: 'POST', path: '/v1/historical/events', answer: {} },
  historicalSnapshot: { ...read, method: 'POST', path: '/v1/historical/snapshot', answer: {} },
  // Every push carries a key, so that it is stored once however often it is sent.
  push: {
    ...read,
    method: 'POST',
    path: '/v1/push/{target}',
    answer: { accepted: 'number', superseded: 'number', rejected: 'array' },
  },
  delete: { ...change, method: 'DELETE', path: '/v1/online/{view}', answer: { deleted: 'boolean' } },
  deadLetters: { ...read, method: 'GET', path: '/v1/dead-letters', answer: { deadLetters: 'array' } },
  replayDeadLetters: { ...change, method: 'POST', path: '/v1/dead-letters/replay', answer: { replayed: 'number' } },
  load: { ...change, timeoutMs: null, method: 'POST', path: '/v1/load', answer: { sources: 'array' } },
  maintain: { ...read, timeoutMs: null, method: 'POST', path: '/v1/maintain', answer: {} },
  materialize: { ...change, method: 'POST', path: '/v1/materialize', answer: { runs: 'array' } },
  runs: { ...read, method: 'GET', path: '/v1/runs', answer: { runs: 'array' } },
  run: { ...read, method: 'GET', path: '/v1/runs/{id}', answer: { id: 'string', state: 'string' } },
  cancelRun: { ...read, method: 'POST', path: '/v1/runs/{id}/cancel', answer: { id: 'string', state: 'string' } },
  registry: { ...read, method: 'GET', path: '/v1/registry', answer: { version: 'number', definitions: 'object' } },
  versions: { ...read, method: 'GET', path: '/v1/registry/versions', answer: { versions: 'array' } },
  diff: { ...read, method: 'GET', path: '/v1/registry/diff', answer: { changes: 'array' } },
  plan: { ...read, method: 'POST', path: '/v1/plan', answer: { version: 'number', changes: 'array' } },
  apply: { ...change, method: 'POST', path: '/v1/apply', answer: { version: 'number', changes: 'array' } },
  rollback: {
    ...change,
    method: 'POST',
    path: '/v1/registry/rollback',
    answer: { version: 'number', changes: 'array' },
  },
  validate: { ...read, method: 'POST', path: '/v1/validate', answer: { ok: 'boolean', errors: 'array' } },
  entities: { ...read, method: 'GET', path: '/v1/entities', answer: { entities: 'array' } },
  entity: { ...read, method: 'GET', path: '/v1/entities/{name}', answer: { name: 'string' } },
  sources: { ...read, method: 'GET', path: '/v1/sources', answer: { sources: 'array' } },
  source: { ...read, method: 'GET', path: '/v1/sources/{name}', answer: { name: 'string' } },
  views: { ...read, method: 'GET', path: '/v1/views', answer: { views: 'array' } },
  view: { ...read, method: 'GET', path: '/v1/views/{name}', answer: { name: 'string' } },
  onDemand: { ...read, method: 'GET', path: '/v1/on-demand', answer: { 'on-demand': 'array' } },
  onDemandOne: { ...read, method: 'GET', path: '/v1/on-demand/{name}', answer: { name: 'string' } },
  services: { ...read, method: 'GET', path: '/v1/services', answer: { services: 'array' } },
  service: { ...read, method: 'GET', path: '/v1/services/{name}', answer: { name: 'string' } },
  doctor: { ...read, method: 'GET', path: '/v1/doctor', answer: { ok: 'boolean', checks: 'array' } },
  readyz: { ...read, method: 'GET', path: '/readyz', answer: { dependencies: 'object' } },
} as const satisfies Told)

export type CallName = keyof typeof serverCalls

/** What a route answers. */
export type AnswerOf<N extends CallName> = output<Routes[N]['answer']>

/** What stands in the braces of a route's path. */
export type ParamsOf<N extends CallName> = Readonly<Record<ParameterOf<Routes[N]['path']>, string>>
