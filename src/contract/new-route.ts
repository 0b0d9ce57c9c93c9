import { z } from 'zod'
import type { MediaType, Route } from './route.ts'

/** What most routes leave out. */
const usual = Object.freeze({
  query: z.strictObject({}),
  keysInQuery: false,
  body: null,
  headers: Object.freeze([]),
  answers: Object.freeze(['application/json'] as const),
  statuses: Object.freeze([200] as const),
  errorStatuses: Object.freeze([]),
  deadline: 'otherTimeoutMs',
})

type Usual = typeof usual & { readonly accepts: readonly MediaType[] }
type Told = Pick<Route, 'method' | 'path' | 'summary' | 'permission' | 'answer'> & Partial<Route>

/** A route of the table: what is told of it, and the usual for the rest. A body is JSON unless said. */
export function newRoute<const R extends Told>(told: R): Readonly<Omit<Usual, keyof R> & R> {
  const accepts: readonly MediaType[] = told.body === undefined || told.body === null ? [] : ['application/json']
  return Object.freeze({ ...usual, accepts, ...told })
}

/** What several routes say of the same option. */
export const said = Object.freeze({
  fullNames: 'Name outputs view__feature',
  includeExpired: 'Also give values older than their ttl',
  asOf: 'What was known at this instant, by the created times',
  limit: 'At most so many',
})

/** `true` or `false` in a query string. */
export const flag = z.enum(['true', 'false']).transform((text) => text === 'true')

/** A whole number in a query string. */
export const whole = z
  .string()
  .regex(/^\d{1,15}$/, 'a whole number is expected')
  .transform(Number)

/** Feature references: one, or several. */
export const references = z
  .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
  .meta({ description: 'Feature references: view, view:feature, service, view@alias, view@alias(key=column)' })

/** An instant in RFC 3339; without a zone it is UTC. */
export const instant = z
  .string()
  .min(1)
  .meta({ description: 'RFC 3339; UTC without a zone', examples: ['2026-01-31T12:00:00Z'] })

const isRecord = (given: unknown): given is Readonly<Record<string, unknown>> =>
  typeof given === 'object' && given !== null && !Array.isArray(given)

/** An object with members of any name; given on as it is, so that none is lost. */
export const members = z
  .custom<Readonly<Record<string, unknown>>>(isRecord, 'an object is expected')
  .meta({ type: 'object' })

/** Rows as columns: an object of arrays. */
export const columns = z
  .custom<Readonly<Record<string, readonly unknown[]>>>(
    (given) => isRecord(given) && Object.values(given).every(Array.isArray),
    'an object of arrays is expected',
  )
  .meta({ type: 'object', additionalProperties: { type: 'array' } })
