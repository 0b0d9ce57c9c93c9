import type { Exactness, SdkValue } from '../contract/store.ts'
import type { FeatureType, ScalarName } from '../values/feature-type.ts'
import type { Value } from '../values/value.ts'
import { fail } from '../kernel/errors.ts'
import { partsOf } from '../values/feature-type.ts'
import { toDate } from '../values/instant.ts'

/** Turns exact values of one type into the SDK's. @throws BAD_VALUE for an int64 that no number holds, saying how to ask for bigint. */
export type Shaper = (value: Value | null) => SdkValue

/** Compiles the shaper of a type: int64 as number or bigint, instants as `Date` (milliseconds) or microseconds. */
export function shaperOf(type: FeatureType, exactness: Exactness): Shaper {
  const parts = partsOf(type)
  const scalar = scalarShaper(
    parts.kind === 'scalar' ? parts.name : parts.kind === 'list' ? parts.item : 'float32',
    exactness,
  )
  if (parts.kind === 'scalar') return (value) => (value === null ? null : scalar(value))
  return (value) =>
    value === null
      ? null
      : (value as readonly (Value | null)[]).map((element) => (element === null ? null : scalar(element)))
}

/** One exact value as the SDK gives it. @throws as `Shaper`. */
export const toSdkValue = (type: FeatureType, value: Value | null, exactness: Exactness = {}): SdkValue =>
  shaperOf(type, exactness)(value)

function scalarShaper(
  type: ScalarName,
  { int64 = 'number', instants = 'date' }: Exactness,
): (value: Value) => SdkValue {
  if (type === 'int64' && int64 === 'number') return safeNumber
  if (type === 'timestamp' && instants === 'date') return (value) => toDate(value as bigint)
  return (value) => value as SdkValue
}

function safeNumber(value: Value): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number))
    throw fail('BAD_VALUE', `The int64 ${value as bigint} is not exact as a number`, {
      remedy: "Ask for bigint: { int64: 'bigint' }.",
    })
  return number
}
