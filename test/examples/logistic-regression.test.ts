import fc from 'fast-check'
import { expect, test } from 'vitest'
import { predict, train } from '../../examples/flights/logistic-regression.ts'
import type { Columns, Model } from '../../examples/flights/logistic-regression.ts'

const column = (...values: number[]): Float64Array => Float64Array.from(values)

test('without a penalty, a 0/1 column reproduces the two shares exactly', () => {
  // 1 of 4 late where x = 0, 3 of 4 where x = 1: the maximum likelihood is those shares.
  const x = column(0, 0, 0, 0, 1, 1, 1, 1)
  const model = train([x], Uint8Array.of(1, 0, 0, 0, 1, 1, 1, 0), 0)
  expect(model.flagged).toEqual([])
  const [low, high] = predict(model, [column(0, 1)])
  expect(low).toBeCloseTo(0.25, 9)
  expect(high).toBeCloseTo(0.75, 9)
})

test('a missing value has a weight of its own', () => {
  const x = column(0, 0, 0, 0, 1, 1, 1, 1, NaN, NaN, NaN, NaN, NaN)
  const model = train([x], Uint8Array.of(1, 0, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1, 0), 0)
  expect(model.flagged).toEqual([0])
  const [low, high, missing] = predict(model, [column(0, 1, NaN)])
  expect(low).toBeCloseTo(0.25, 9)
  expect(high).toBeCloseTo(0.75, 9)
  expect(missing).toBeCloseTo(0.8, 9)
})

test('a value missing only when served counts as the mean', () => {
  const model = train([column(0, 1, 2, 3, 4)], Uint8Array.of(0, 1, 0, 1, 1))
  const [missing, mean] = predict(model, [column(NaN, 2)])
  expect(missing).toBe(mean)
})

test('separable labels converge under the penalty', () => {
  const model = train([column(1, 2, 3, 4)], Uint8Array.of(0, 0, 1, 1))
  expect(predict(model, [column(1)])[0]).toBeLessThan(0.5)
  expect(predict(model, [column(4)])[0]).toBeGreaterThan(0.5)
})

test('a constant column and a column that is always missing change nothing', () => {
  const x = column(0, 1, 2, 3, 4)
  const labels = Uint8Array.of(0, 1, 0, 1, 1)
  const plain = predict(train([x], labels), [x])
  const wide = [x, column(7, 7, 7, 7, 7), column(NaN, NaN, NaN, NaN, NaN)]
  predict(train(wide, labels), wide).forEach((value, row) => expect(value).toBeCloseTo(plain[row]!, 6))
})

test('what cannot be trained or scored is refused', () => {
  expect(() => train([column(1, 2)], Uint8Array.of(1, 1))).toThrow(RangeError)
  expect(() => train([column(1, 2), column(1)], Uint8Array.of(0, 1))).toThrow(RangeError)
  const model = train([column(1, 2)], Uint8Array.of(0, 1))
  expect(() => predict(model, [column(1), column(2)])).toThrow(RangeError)
})

/** The penalised loss, from nothing but the model's definition. */
function loss(model: Model, columns: Columns, labels: Uint8Array, l2: number): number {
  const probabilities = predict(model, columns)
  const fit = labels.reduce(
    (sum, label, row) => sum - Math.log(label === 1 ? probabilities[row]! : 1 - probabilities[row]!),
    0,
  )
  return fit + model.weights.slice(1).reduce((sum, weight) => sum + (l2 / 2) * weight ** 2, 0)
}

test('no weight can be moved to a smaller loss, and training twice gives the same bits', () => {
  const row = fc.record({
    a: fc.option(fc.integer({ min: -5, max: 5 }), { nil: NaN }),
    b: fc.integer({ min: 0, max: 20 }),
    label: fc.integer({ min: 0, max: 1 }),
  })
  fc.assert(
    fc.property(fc.array(row, { minLength: 4, maxLength: 60 }), (rows) => {
      const labels = Uint8Array.from(rows, (r) => r.label)
      fc.pre(labels.includes(0) && labels.includes(1))
      const columns = [Float64Array.from(rows, (r) => r.a), Float64Array.from(rows, (r) => r.b)]
      const model = train(columns, labels, 0.5)
      expect(train(columns, labels, 0.5)).toEqual(model)
      const best = loss(model, columns, labels, 0.5)
      model.weights.forEach((_, index) => {
        for (const nudge of [-0.01, 0.01]) {
          const weights = model.weights.map((weight, other) => (other === index ? weight + nudge : weight))
          expect(loss({ ...model, weights }, columns, labels, 0.5)).toBeGreaterThan(best - 1e-9)
        }
      })
    }),
    { numRuns: 60 },
  )
})
