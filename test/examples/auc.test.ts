import fc from 'fast-check'
import { expect, test } from 'vitest'
import { auc } from '../../examples/flights/auc.ts'

const of = (scores: number[], labels: number[]): number => auc(Float64Array.from(scores), Uint8Array.from(labels))

test('known answers', () => {
  expect(of([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])).toBe(0.75)
  expect(of([1, 2, 3, 4], [0, 0, 1, 1])).toBe(1)
  expect(of([4, 3, 2, 1], [0, 0, 1, 1])).toBe(0)
  expect(of([7, 7, 7, 7], [0, 1, 0, 1])).toBe(0.5)
  expect(of([1, 2, 2, 3], [0, 0, 1, 1])).toBe(0.875)
})

test('one class only: nothing to compare', () => {
  expect(of([1, 2], [1, 1])).toBeNaN()
  expect(of([1, 2], [0, 0])).toBeNaN()
  expect(of([], [])).toBeNaN()
})

test('a score that is not a number is refused', () => {
  expect(() => of([1, Number.NaN], [0, 1])).toThrow(RangeError)
})

test('equals the share of (late, not late) pairs in the right order, ties counting half', () => {
  const rows = fc.array(fc.record({ score: fc.integer({ min: -3, max: 3 }), label: fc.integer({ min: 0, max: 1 }) }), {
    maxLength: 40,
  })
  fc.assert(
    fc.property(rows, (sample) => {
      const late = sample.filter((row) => row.label === 1)
      const onTime = sample.filter((row) => row.label === 0)
      fc.pre(late.length > 0 && onTime.length > 0)
      const wins = late.flatMap((a) => onTime.map((b) => (a.score > b.score ? 1 : a.score === b.score ? 0.5 : 0)))
      const expected = wins.reduce<number>((sum, win) => sum + win, 0) / wins.length
      expect(
        of(
          sample.map((row) => row.score),
          sample.map((row) => row.label),
        ),
      ).toBeCloseTo(expected, 12)
    }),
  )
})
