import fc from 'fast-check'
import type { Step, StepRow } from './steps.ts'

const row: fc.Arbitrary<StepRow> = fc.record({
  k: fc.integer({ min: 0, max: 2 }),
  ago: fc.integer({ min: 0, max: 100 }),
  late: fc.constantFrom(null, 0),
  v: fc.integer({ min: 0, max: 9 }),
})
const rows = fc.array(row, { minLength: 1, maxLength: 3 })
const variant = fc.record({
  view: fc.constant(true),
  ttl: fc.constantFrom(null, null, '200s'),
  second: fc.boolean(),
  swapped: fc.boolean(),
})
const crash = fc.record({
  point: fc.constantFrom('begun', 'wrote all', 'stamped done', 'covered', 'caught up'),
  nth: fc.constant(1),
} as const)
const materialize: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('materialize'),
  start: fc.option(fc.integer({ min: 1, max: 60 }), { nil: null, freq: 2 }),
  end: fc.option(fc.integer({ min: 1, max: 60 }), { nil: null, freq: 1 }),
  repair: fc.constantFrom(false, false, false, true),
  crash: fc.option(crash, { nil: null, freq: 1 }),
})
const define: fc.Arbitrary<Step> = fc.record({ do: fc.constant('define'), variant })
const maintain: fc.Arbitrary<Step> = fc.constant({ do: 'maintain' })
const file: fc.Arbitrary<Step> = fc.record({ do: fc.constant('file'), name: fc.constantFrom('a', 'b'), rows })
const push: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('push'),
  target: fc.constant('things'),
  to: fc.constantFrom('both', 'offline'),
  rows,
})
const remove: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('delete'),
  k: fc.integer({ min: 0, max: 2 }),
  ago: fc.constant(null),
})
const wipe: fc.Arbitrary<Step> = fc.constant({ do: 'online', what: 'wipe' })
const everything: Step = { do: 'materialize', start: null, end: null, repair: false, crash: null }

/** A view that serves, and then changes of its meaning, its revision and its files, with runs that fill only parts of it. */
export const changes: fc.Arbitrary<Step[]> = fc
  .tuple(
    rows,
    fc.array(
      fc.oneof(
        { arbitrary: define, weight: 4 },
        { arbitrary: materialize, weight: 4 },
        { arbitrary: maintain, weight: 4 },
        { arbitrary: file, weight: 2 },
        push,
        remove,
        { arbitrary: fc.constant(everything), weight: 2 },
        wipe,
      ),
      { minLength: 2, maxLength: 12, size: 'max' },
    ),
  )
  .map(([first, steps]) => [{ do: 'file', name: 'c', rows: first }, everything, ...steps])
