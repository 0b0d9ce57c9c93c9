import type { FeatureType } from '../values/feature-type.ts'
import { formatInstant } from '../values/instant.ts'
import type { Value } from '../values/value.ts'
import { writeValue } from './json-value.ts'
import { float64Text } from './float-text.ts'
import { type FormOfType, type ValueForm, safeInt64 } from './row-reader.ts'

/** Values as JSON text of the wire form, those of the usual types read straight from their bytes. */
export const textForm: ValueForm<string> = Object.freeze({ none: 'null', of: formOfType })

function formOfType(type: FeatureType): FormOfType<string> {
  const of = (value: Value): string => writeValue(type, value)
  switch (type) {
    case 'int32':
      return { of, get: (view, at) => String(view.getInt32(at, true)) }
    case 'int64':
      return { of, get: (view, at) => String(safeInt64(view, at) ?? view.getBigInt64(at, true)) }
    case 'float64':
      return { of, get: (view, at) => numberText(view.getFloat64(at, true)) }
    default:
      return { of }
  }
}

const numberText = (value: number): string => (Number.isFinite(value) ? float64Text(value) : `"${String(value)}"`)

/** Members of an object, each name written once: `"name":` before its value. */
export const memberNames = (names: readonly string[]): readonly string[] =>
  names.map((name) => `${JSON.stringify(name)}:`)

/** An event time as JSON text. */
export const eventTimeText = (time: bigint | null | undefined): string =>
  time === null || time === undefined ? 'null' : `"${formatInstant(time)}"`
