import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { batchEncoder } from '../../src/codecs/packed-batch.ts'
import { rowEncoder } from '../../src/codecs/packed-row.ts'
import type { ColumnValues } from '../../src/values/batch.ts'
import type { FeatureType } from '../../src/values/feature-type.ts'
import type { Value } from '../../src/values/value.ts'
import { anyType, anyValue } from '../support/arbitrary-value.ts'

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const order = fc.record({
  event: int64,
  created: fc.option(int64.map((n) => (n === -(2n ** 63n) ? 0n : n))),
  reading: fc.constantFrom(0n, 1_767_225_600_000_000n),
  tie: fc.constantFrom(0n, 1n, 2n ** 62n),
})

const world = fc
  .record({ types: fc.array(anyType, { maxLength: 12 }), rows: fc.integer({ min: 0, max: 20 }), nulls: fc.boolean() })
  .chain(({ types, rows, nulls }) =>
    fc.record({
      types: fc.constant(types),
      columns: fc.tuple(
        ...types.map((type) =>
          fc.array(nulls ? fc.option(anyValue(type)) : anyValue(type), { minLength: rows, maxLength: rows }),
        ),
      ),
      orders: fc.array(order, { minLength: rows, maxLength: rows }),
      revision: fc.bigInt({ min: 0n, max: 2n ** 60n }),
    }),
  )

/** As engines give a column: numbers without a null in an array of their own. */
function asEngines(type: FeatureType, values: readonly (Value | null)[]): ColumnValues {
  if (values.includes(null)) return values
  if (type === 'int64' || type === 'timestamp') return BigInt64Array.from(values as bigint[])
  if (type === 'float64') return Float64Array.from(values as number[])
  if (type === 'float32') return Float32Array.from(values as number[])
  return type === 'int32' ? Int32Array.from(values as number[]) : values
}

describe('rows packed by the batch', () => {
  it('are the bytes of rows packed one by one, whichever way the columns lie', () => {
    fc.assert(
      fc.property(world, ({ types, columns, orders, revision }) => {
        const stored = types.map((type, i) => ({ name: `c${i}`, type, meaning: '' }))
        const one = rowEncoder(stored, 77)
        const expected = orders.map((each, i) =>
          Buffer.from(
            one(
              { revision, order: each },
              columns.map((column) => column[i] ?? null),
            ),
          ).toString('hex'),
        )
        const of = (pick: (each: (typeof orders)[number]) => bigint | null): (bigint | null)[] => orders.map(pick)
        for (const shape of [(_: FeatureType, values: readonly (Value | null)[]) => values, asEngines]) {
          const header = {
            revision,
            event: shape(
              'timestamp',
              of((o) => o.event),
            ),
            created: shape(
              'timestamp',
              of((o) => o.created),
            ),
            reading: shape(
              'int64',
              of((o) => o.reading),
            ),
            tie: shape(
              'int64',
              of((o) => o.tie),
            ),
          }
          const values = columns.map((column, i) => shape(types[i] ?? 'bool', column))
          const rows = batchEncoder(stored, 77)(orders.length, header, values)
          expect(rows.map((row) => row.toString('hex'))).toEqual(expected)
        }
      }),
    )
  })
})
