import type { Route } from '../../src/contract/route.ts'
import type { ErrorCode } from '../../src/kernel/errors.ts'
import type { Dice } from './dice.ts'
import type { Good } from './good-requests.ts'

/** A request that is made of a good one. */
export interface Mutant {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

/** A way to change a good request, and all that may be answered to it. */
export interface MutationClass {
  readonly name: string
  /** The codes of its errors; `any`: whatever the route's description has, below 500. */
  readonly codes: readonly ErrorCode[] | 'any'
  /** Whether it may also be answered well. */
  readonly mayBeGood: boolean
  /** undefined where the route has nothing to change in this way. */
  readonly mutate: (dice: Dice, good: Good, route: Route) => Mutant | undefined
}

export type Json = Readonly<Record<string, unknown>>
export type Mutate = MutationClass['mutate']

/** The limits that the mutants of sizes are made for. */
export const smallLimits = Object.freeze({ jsonBodyBytes: 64 * 1024, batchRows: 50, jsonDepth: 32 })

export const plain = ({ path, body }: Good, { method }: Route): Mutant =>
  body === undefined ? { method, path } : { method, path, body: JSON.stringify(body), headers: json }

export const json = Object.freeze({ 'content-type': 'application/json' })

/** Of requests that have a body only. */
export const ofBody =
  (mutate: (dice: Dice, body: Json, route: Route) => string | Buffer): Mutate =>
  (dice, good, route) =>
    good.body === undefined ? undefined : { ...plain(good, route), body: mutate(dice, good.body, route) }

export const withHeaders =
  (headers: (dice: Dice, route: Route) => Readonly<Record<string, string>> | undefined): Mutate =>
  (dice, good, route) => {
    const more = headers(dice, route)
    const { headers: own = {}, ...rest } = plain(good, route)
    return more === undefined ? undefined : { ...rest, headers: { ...own, ...more } }
  }

export const parts = (path: string): readonly [string, string[]] => {
  const [before = '', query = ''] = path.split('?')
  return [before, query === '' ? [] : query.split('&')]
}
export const joined = (before: string, query: readonly string[]): string =>
  query.length === 0 ? before : `${before}?${query.join('&')}`

/** Of requests with a query string only. */
export const ofQuery =
  (mutate: (dice: Dice, query: readonly string[], route: Route) => readonly string[] | undefined): Mutate =>
  (dice, good, route) => {
    const [before, query] = parts(good.path)
    const changed = mutate(dice, query, route)
    return changed === undefined ? undefined : { ...plain(good, route), path: joined(before, changed) }
  }
