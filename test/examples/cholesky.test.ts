import fc from 'fast-check'
import { expect, test } from 'vitest'
import { factorize, solve } from '../../examples/flights/cholesky.ts'

test('known answer', () => {
  const factor = factorize(Float64Array.of(4, 0, 0, 12, 37, 0, -16, -43, 98), 3)
  expect([...factor]).toEqual([2, 0, 0, 6, 1, 0, -8, 5, 3])
  expect([...solve(factor, Float64Array.of(-20, -43, 192))]).toEqual([1, 2, 3])
})

test('a matrix that is not positive definite is refused', () => {
  expect(() => factorize(Float64Array.of(1, 0, 2, 1), 2)).toThrow(RangeError)
})

test('solves every system with a positive definite matrix', () => {
  const size = fc.integer({ min: 1, max: 6 })
  const system = size.chain((width) => {
    const numbers = (length: number): fc.Arbitrary<number[]> =>
      fc.array(fc.integer({ min: -9, max: 9 }), { minLength: length, maxLength: length })
    return fc.record({ root: numbers(width * width), x: numbers(width) })
  })
  fc.assert(
    fc.property(system, ({ root, x }) => {
      const width = x.length
      // A·Aᵀ + I is positive definite whatever A is.
      const at = (row: number, column: number): number =>
        x.reduce((sum, _, k) => sum + root[row * width + k]! * root[column * width + k]!, row === column ? 1 : 0)
      const matrix = Float64Array.from({ length: width * width }, (_, index) =>
        at(Math.floor(index / width), index % width),
      )
      const right = Float64Array.from(x, (_, row) => x.reduce((sum, value, column) => sum + at(row, column) * value, 0))
      solve(factorize(matrix, width), right).forEach((value, row) => expect(value).toBeCloseTo(x[row]!, 6))
    }),
  )
})
