import { fail } from '../../kernel/errors.ts'
import type { FileSourceDef, SourceDef } from '../../define/definition.ts'
import type { LogRows } from '../../query/relation.ts'
import type { FileIdentity } from '../../values/file-identity.ts'
import type { FileSchemas } from './file-schema.ts'
import type { Session } from './session.ts'
import { type FileGroup, groupFiles } from './source-table.ts'
import { filesOf, isFileOf } from './source-files.ts'

/** The push log as tables: a query for a leaf's rows with the columns of `fieldsOf(leaf)`; null where it has none. Readable until the session is disposed. */
export type LogTable = (leaf: LogRows) => Promise<string | null>

/** What leaves are read with. */
export interface LeafContext {
  readonly session: Session
  readonly schemas: FileSchemas
  readonly logTable: LogTable
  /** The files of each file source read, by what asked for them. */
  readonly files: ReadonlyMap<object, readonly FileIdentity[]>
}

/** Whether a source lies in files. */
export const isFileSource = (source: SourceDef): source is FileSourceDef =>
  source.type === 'parquet' || source.type === 'csv'

/** The files of what asks for a file source, in groups that are read alike. */
export async function groupsOf(context: LeafContext, asker: object, source: FileSourceDef): Promise<FileGroup[]> {
  const files = context.files.get(asker) ?? []
  return groupFiles(files, await context.schemas.of(context.session, files, source.type))
}

/** A leaf or an input of SQL, whose source may lie in files. */
export interface SourceAsker {
  /** Of a leaf; its files are its own. Those of an input of SQL may be of other inputs too. */
  readonly kind?: 'source'
  readonly source: SourceDef
  readonly files?: readonly FileIdentity[]
}

/** The files that each asker reads: those named that are its own, or all there are now. @throws UNSUPPORTED for sources that are read elsewhere. */
export async function filesOfAskers(
  askers: readonly SourceAsker[],
  repositoryDir: string,
): Promise<Map<object, readonly FileIdentity[]>> {
  const found = new Map<object, readonly FileIdentity[]>()
  const now = new Map<string, Promise<FileIdentity[]>>()
  for (const asker of askers) {
    const { source, files } = asker
    if (isFileSource(source)) {
      const listed = asker.kind === 'source' ? files : files?.filter((f) => isFileOf(source, repositoryDir, f.path))
      const key = `${source.type} ${source.path}`
      if (listed === undefined && !now.has(key)) now.set(key, filesOf(source, repositoryDir))
      found.set(asker, listed ?? (await now.get(key)) ?? [])
    } else if (source.type === 'postgres') {
      throw fail('UNSUPPORTED', `DuckDB does not read the PostgreSQL source "${source.name}"`)
    }
  }
  return found
}
