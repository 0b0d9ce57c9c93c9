import fc from 'fast-check'
import { type FeatureType, type ScalarName, partsOf, scalarNames } from '../../src/values/feature-type.ts'
import { instantRange } from '../../src/values/instant.ts'
import type { OrderTuple } from '../../src/values/order.ts'
import type { Value } from '../../src/values/value.ts'

/** Text without NUL and lone surrogates: what a string value may be. */
export const anyText = (maxLength = 20): fc.Arbitrary<string> =>
  fc.string({ unit: 'binary', maxLength }).filter((text) => !text.includes('\0') && text.isWellFormed())

const scalars: Readonly<Record<ScalarName, fc.Arbitrary<Value>>> = {
  bool: fc.boolean(),
  int32: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  float32: fc.float(),
  float64: fc.double(),
  string: anyText(),
  bytes: fc.uint8Array({ maxLength: 20 }),
  timestamp: fc.bigInt({ min: instantRange.min, max: instantRange.end - 1n }),
}

/** Any type, with short vectors. */
export const anyType: fc.Arbitrary<FeatureType> = fc.oneof(
  fc.constantFrom(...scalarNames),
  fc.constantFrom(...scalarNames).map((item): FeatureType => `list<${item}>`),
  fc.integer({ min: 1, max: 5 }).map((size): FeatureType => `vector<${size}>`),
)

/** Any value of a type, edge cases among them. */
export function anyValue(type: FeatureType): fc.Arbitrary<Value> {
  const parts = partsOf(type)
  if (parts.kind === 'scalar') return scalars[parts.name]
  if (parts.kind === 'list') return fc.array(fc.option(scalars[parts.item]), { maxLength: 12 })
  return fc.array(scalars.float32, { minLength: parts.size, maxLength: parts.size })
}

/** Any value of a type, or null. */
export const anyNullable = (type: FeatureType): fc.Arbitrary<Value | null> => fc.option(anyValue(type), { freq: 4 })

/** Types with a value or null for each. */
export const anyTypedRow: fc.Arbitrary<{ type: FeatureType; value: Value | null }[]> = fc.array(
  anyType.chain((type) => anyNullable(type).map((value) => ({ type, value }))),
  { maxLength: 12 },
)

/** Any place in the Order, near ones often, so that parts of it are equal. */
export const anyOrder: fc.Arbitrary<OrderTuple> = fc.record({
  event: fc.oneof(fc.bigInt({ min: -2n, max: 2n }), scalars.timestamp as fc.Arbitrary<bigint>),
  created: fc.option(fc.oneof(fc.bigInt({ min: -2n, max: 2n }), scalars.timestamp as fc.Arbitrary<bigint>)),
  reading: fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 2n ** 62n })),
  tie: fc.oneof(fc.bigInt({ min: 0n, max: 3n }), fc.constant(0x7fff_ffff_ffff_ffffn)),
})
