import { hash } from 'node:crypto'
import type { FeatureType } from '../values/feature-type.ts'
import type { Value } from '../values/value.ts'
import { writeValue } from './json-value.ts'

/**
 * The tie of a pushed row: a number 0 ≤ n < 2^62 made from its values, the same in every process and for ever. Two rows of
 * one entity with equal event and created times are ordered by it, in history and online alike.
 *
 * Columns that are null do not count, so a column that is added later changes no tie.
 */
export function tieOf(
  columns: readonly { readonly name: string; readonly type: FeatureType }[],
  values: readonly (Value | null)[],
): bigint {
  let text = ''
  for (const [i, column] of columns.entries()) {
    const value = values[i] ?? null
    if (value !== null) text += `${JSON.stringify(column.name)}:${column.type}:${writeValue(column.type, value)}\n`
  }
  return hash('sha256', text, 'buffer').readBigUInt64BE(0) >> 2n
}
