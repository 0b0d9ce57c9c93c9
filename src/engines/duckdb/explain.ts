import { createReadStream } from 'node:fs'
import { relative } from 'node:path'
import { type ProvenderError, asProvenderError, fail, isProvenderError } from '../../kernel/errors.ts'
import { parseCell, readCsv } from '../../codecs/csv.ts'
import type { FileSourceDef } from '../../define/definition.ts'
import type { InputRows, LogRows, SourceRows, SqlRows } from '../../query/relation.ts'
import type { FileIdentity } from '../../values/file-identity.ts'
import { type FeatureType, isFeatureType } from '../../values/feature-type.ts'
import { type BadCell, badCellOf, failureOf } from './failure.ts'
import { isFileSource } from './leaf-context.ts'
import { checkUnchanged } from './source-files.ts'

/** What an error may be about. */
export interface Blame {
  readonly named: readonly FileIdentity[]
  readonly files: ReadonlyMap<object, readonly FileIdentity[]>
  readonly leaves: readonly (SourceRows | SqlRows | LogRows | InputRows)[]
  /** Files that the query brings. */
  readonly inputPaths: readonly string[]
  /** What places are told relative to. */
  readonly repositoryDir: string
  /** Whether the query holds SQL of a user. */
  readonly userSql: boolean
}

/** Makes the best of an error: a file that was changed meanwhile, the place of a bad cell, or user SQL that failed. */
export async function explain(thrown: unknown, blame: Blame): Promise<ProvenderError> {
  const failure = failureOf(thrown)
  const cause: unknown = isProvenderError(thrown) ? thrown.cause : thrown
  if (failure.code === 'SOURCE_UNREADABLE' || failure.code === 'INTERNAL') {
    try {
      await checkUnchanged(blame.named)
    } catch (changed) {
      return asProvenderError(changed)
    }
  }
  const cell = badCellOf(cause)
  if (failure.code === 'BAD_VALUE' && cell !== undefined) return (await placeOfCell(cell, blame)) ?? failure
  if (failure.code === 'INTERNAL' && blame.userSql)
    return fail('SQL_REFUSED', `The SQL failed: ${failure.message.replace(/^DuckDB: /, '')}`, { cause })
  if (failure.code === 'SOURCE_UNREADABLE') return naming(failure, blame)
  return failure
}

/** DuckDB does not always say in which file it failed. */
function naming(failure: ProvenderError, blame: Blame): ProvenderError {
  const paths = [...new Set([...blame.files.values()].flat().map((f) => f.path))]
  if (paths.length + blame.inputPaths.length === 0 && blame.leaves.some((leaf) => leaf.kind === 'log'))
    return fail('CORRUPT_STORE', `A file of the push log: ${failure.message}`, { cause: failure })
  if (paths.length === 0 || [...paths, ...blame.inputPaths].some((path) => failure.message.includes(path)))
    return failure
  const [first, ...others] = paths
  return fail(
    'SOURCE_UNREADABLE',
    `${others.length === 0 ? String(first) : `One of ${paths.length} files (${String(first)}, …)`}: ${failure.message}`,
    { cause: failure },
  )
}

/** Finds the first bad cell of a column, by the file. DuckDB reads CSV in parallel and knows no rows. */
async function placeOfCell(cell: BadCell, blame: Blame): Promise<ProvenderError | undefined> {
  if (!isFeatureType(cell.type)) return undefined
  for (const file of filesOfCell(cell, blame)) {
    const found = await firstBadCell(file, { ...cell, type: cell.type }, blame.repositoryDir)
    if (found !== undefined) return found
  }
  return undefined
}

function filesOfCell(cell: BadCell, blame: Blame): readonly string[] {
  const sources = [
    ...blame.leaves.flatMap((leaf) => (leaf.kind === 'source' ? [leaf] : [])),
    ...blame.files.keys(),
  ] as { readonly source?: FileSourceDef }[]
  const asker = sources.find(
    (s) =>
      s.source !== undefined &&
      isFileSource(s.source) &&
      s.source.type === 'csv' &&
      cell.source === `source "${s.source.name}"`,
  )
  if (asker !== undefined) return (blame.files.get(asker) ?? []).map((f) => f.path)
  return cell.source.startsWith('/') ? [cell.source] : []
}

async function firstBadCell(
  path: string,
  { column, type }: { column: string; type: FeatureType },
  repositoryDir: string,
): Promise<ProvenderError | undefined> {
  const stream = createReadStream(path)
  let index = -1
  try {
    for await (const { line, cells } of readCsv(stream, path)) {
      if (index === -1) {
        index = cells.indexOf(column)
        if (index === -1) return undefined
        continue
      }
      try {
        parseCell(type, cells[index] ?? null, `${path}:${line}`)
      } catch (thrown) {
        const bad = asProvenderError(thrown)
        return fail('BAD_VALUE', `${path}, line ${line}, column "${column}": ${bad.message}`, {
          at: `${relative(repositoryDir, path)}:${line}`,
          cause: thrown,
        })
      }
    }
  } catch {
    return undefined
  } finally {
    stream.destroy()
  }
  return undefined
}
