import { float32Text } from '../codecs/float-text.ts'
import { type FeatureType, type ScalarName, isFeatureType, partsOf } from '../values/feature-type.ts'
import { formatInstant } from '../values/instant.ts'
import type { Value } from '../values/value.ts'

/** A value as `stringifyExact` writes it by the wire's rules: an instant as text, a float32 as the shortest number that reads back as it. */
export function jsonForm(type: FeatureType, value: Value | null): unknown {
  if (value === null) return null
  const parts = partsOf(type)
  if (parts.kind === 'scalar') return scalarForm(parts.name, value)
  const item = parts.kind === 'list' ? parts.item : 'float32'
  return (value as readonly (Value | null)[]).map((element) => (element === null ? null : scalarForm(item, element)))
}

function scalarForm(type: ScalarName, value: Value): unknown {
  if (type === 'timestamp') return formatInstant(value as bigint)
  if (type === 'float32') return Number(float32Text(value as number))
  return value
}

/** The type of a text that a store gave as one. */
export function typeOf(text: string | undefined): FeatureType {
  if (text === undefined || !isFeatureType(text)) throw new Error(`Assertion failed: ${text} is a feature type`)
  return text
}
