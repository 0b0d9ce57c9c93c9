import type { Exactness, SdkValue } from '../contract/store.ts'
import type { FeatureType } from '../values/feature-type.ts'
import type { Value } from '../values/value.ts'
import { type FormOfType, type ValueForm, safeInt64 } from '../codecs/row-reader.ts'
import { shaperOf } from './shape.ts'

/** Exact values: int64 and instants as bigint, bytes as they are. */
export const exactForm: ValueForm<Value | null> = Object.freeze({
  none: null,
  of: () => ({ of: (value: Value) => value }),
})

/** Values as the SDK gives them. */
export function sdkForm(exactness: Required<Exactness>): ValueForm<SdkValue> {
  return {
    none: null,
    of(type: FeatureType): FormOfType<SdkValue> {
      const shape = shaperOf(type, exactness)
      if (type === 'int64' && exactness.int64 === 'number')
        return { of: shape, get: (view, at) => safeInt64(view, at) ?? shape(view.getBigInt64(at, true)) }
      return { of: shape }
    },
  }
}
