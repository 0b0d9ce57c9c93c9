import type { ZodObject, ZodType } from 'zod'
import type { batchesType } from './wire-names.ts'

/** What somebody must be allowed to do to use a route. `none`: everybody may, without a token. */
export type Permission = 'none' | 'metadata' | 'read-online' | 'read-offline' | 'push' | 'apply' | 'materialize'

/** The content types that bodies and answers have. */
export type MediaType =
  | 'application/json'
  | 'application/yaml'
  | 'application/vnd.apache.parquet'
  | 'text/csv'
  | 'application/x-ndjson'
  | typeof batchesType
  | 'text/plain'
  | 'text/html'
  | 'text/javascript'
  | 'text/css'

/** The content type of every error. */
export const problemType = 'application/problem+json'

/** One route, as the server, the clients and the API's description read it. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Parameters stand in braces: `/v1/runs/{id}`. */
  readonly path: string
  /** One line for people. */
  readonly summary: string
  readonly permission: Permission
  /** The query string: each parameter is a text, or several where it is repeated. */
  readonly query: ZodObject
  /** Whether the query string also holds join keys; options then begin with an underscore. */
  readonly keysInQuery: boolean
  /** A JSON body; null where none is taken. One that is left out is `{}`. */
  readonly body: ZodType | null
  /** What a body may be: JSON, and on some routes text or files beside it. Empty where none is taken. */
  readonly accepts: readonly MediaType[]
  /** Headers that mean something to this route alone. */
  readonly headers: readonly string[]
  /** The JSON answer. */
  readonly answer: ZodType
  /** What an answer may be; the first unless `accept` asks for another. */
  readonly answers: readonly MediaType[]
  /** Of good answers; the first unless what is asked for has another. */
  readonly statuses: readonly [200 | 202, ...(200 | 202)[]]
  /** Statuses of errors beside those that every route may have. */
  readonly errorStatuses: readonly number[]
  /** Which deadline it has unless `x-timeout-ms` gives one: a limit of the server's settings, that of probes, or none. */
  readonly deadline: 'onlineTimeoutMs' | 'otherTimeoutMs' | 'probe' | 'none'
}

/** The deadline of probes: what asks is seldom patient. */
export const probeTimeoutMs = 2000

/** Statuses of errors that every route may answer: a bad request, headers that are too large, a fault, a store that cannot be reached, a deadline. */
const everyRoute: readonly number[] = [400, 413, 500, 503, 504]

/** What a body may be: of the wrong type. */
const everyBody: readonly number[] = [415]

/** Every status of an error that a route may answer, sorted. */
export function errorStatusesOf(route: Route): readonly number[] {
  const all = [...everyRoute, ...route.errorStatuses, ...(route.accepts.length > 0 ? everyBody : [])]
  return [...new Set(all)].sort((a, b) => a - b)
}

/** The names of a path's parameters. */
export type ParameterOf<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParameterOf<Rest>
  : never
