import type { FeatureType } from './feature-type.ts'
import type { Value } from './value.ts'

/** One column of a batch: a value or null for each row. */
export type ColumnValues = ArrayLike<Value | null>

/** The name and type of a column; a foreign type (of a spine column that Provender does not know) is named as the engine names it. */
export interface Field {
  readonly name: string
  readonly type: FeatureType | { readonly foreign: string }
}

/** A column whose type is one of ours. */
export type OwnField = Field & { readonly type: FeatureType }

/** The neutral form of rows between engines: columns side by side, `columns[i]` of `fields[i]`, each `rows` long. Foreign values are text or null. */
export interface Batch {
  readonly fields: readonly Field[]
  readonly columns: readonly ColumnValues[]
  readonly rows: number
}
