import type { FileSourceDef } from '../../define/definition.ts'
import type { UsedColumn } from '../../ports/offline.ts'
import { type FeatureType, ownType } from '../../values/feature-type.ts'

/** A column as it is kept. */
export interface Column {
  readonly name: string
  readonly type: FeatureType
  /** Whether it is kept beside one of its name, for those who read that as another type. */
  readonly typed?: true
}

/** The columns that are kept of a source's files, by what an engine that reads files says of them. */
export const keptColumns = (
  source: FileSourceDef,
  described: readonly { readonly name: string; readonly type: string }[],
): Column[] =>
  described.flatMap(({ name, type }): Column[] => {
    const own = declaredType(source, name, type)
    return own === undefined ? [] : [{ name, type: own }]
  })

/** What is kept of text cells beside the texts, for views that read them as other types: the values, as the engine that reads files has them. */
export const typedColumns = ({ type }: FileSourceDef, kept: readonly Column[], used: readonly UsedColumn[]): Column[] =>
  type !== 'csv'
    ? []
    : used.flatMap((use): Column[] => {
        const own = kept.find(({ name }) => name === use.column)
        return own === undefined || own.type === use.type ? [] : [{ name: use.column, type: use.type, typed: true }]
      })

/** What a column is kept as; undefined where it is of no type of ours. Cells of CSV are text until somebody declares more: times at least are known. */
function declaredType(source: FileSourceDef, name: string, type: string): FeatureType | undefined {
  if (type === 'csv') return name === source.timestamp || name === source.created ? 'timestamp' : 'string'
  return ownType(type)
}
