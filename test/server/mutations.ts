import { errorTable } from '../../src/kernel/errors.ts'
import { bodyClasses, manyRows } from './body-mutations.ts'
import { headerClasses, pathClasses } from './head-mutations.ts'
import { type MutationClass, plain } from './mutant.ts'

const unchanged: MutationClass = {
  name: 'nothing',
  codes: [],
  mayBeGood: true,
  mutate: (_, good, route) => plain(good, route),
}

/** All ways to change a request, each with how often it is taken. */
export const mutationClasses: readonly (readonly [MutationClass, number])[] = [
  [unchanged, 3],
  ...bodyClasses.map((each) => [each, each.codes === 'any' ? 6 : 2] as const),
  ...headerClasses.map((each) => [each, 2] as const),
  ...pathClasses.map((each) => [each, each.codes === 'any' ? 4 : 2] as const),
  [manyRows, 2],
]

/** The codes that an answer to a class may have at a route, whose errors are described by these statuses. */
export function codesOf({ codes }: MutationClass, described: ReadonlySet<number>): ReadonlySet<string> {
  if (codes !== 'any') return new Set(codes)
  // A parameter of a path may turn it into another route's, or none's.
  const also = ['UNKNOWN_ROUTE', 'METHOD_NOT_ALLOWED']
  const all = Object.entries(errorTable).filter(
    ([code, { status }]) => status < 500 && (described.has(status) || also.includes(code)),
  )
  return new Set(all.map(([code]) => code))
}
