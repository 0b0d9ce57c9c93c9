import { type ProvenderError, fail, isProvenderError } from '../../kernel/errors.ts'

/** What a cell that does not fit says, from within SQL. */
export interface BadCell {
  readonly source: string
  readonly column: string
  readonly type: string
  readonly value: string
}

const marker = 'provender-bad-cell:'

/** SQL that ends the query with a bad cell; `value` is SQL for its text. */
export function badCellSql(cell: Omit<BadCell, 'value'>, value: string): string {
  const head = JSON.stringify(cell).slice(0, -1).replaceAll("'", "''")
  return `error('${marker}${head},"value":' || to_json(left(${value}, 200)) || '}')`
}

/** The bad cell that an error tells of. */
export function badCellOf(thrown: unknown): BadCell | undefined {
  const message = thrown instanceof Error ? thrown.message : ''
  const at = message.indexOf(marker)
  if (at === -1) return undefined
  try {
    return JSON.parse(message.slice(at + marker.length).split('\n')[0] ?? '') as BadCell
  } catch {
    return undefined
  }
}

/** An error of DuckDB as one of the table. The engine's own text is the detail: it names the file, where there is one. */
export function failureOf(thrown: unknown): ProvenderError {
  if (isProvenderError(thrown)) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  const cell = badCellOf(thrown)
  if (cell !== undefined) {
    return fail(
      'BAD_VALUE',
      `${JSON.stringify(cell.value)} in column "${cell.column}" of ${cell.source} is not of type ${cell.type}`,
      { cause: thrown },
    )
  }
  const brief = message.split('\n\n')[0] ?? message
  if (message.startsWith('INTERRUPT Error')) return fail('INTERRUPTED', 'The query was interrupted', { cause: thrown })
  if (/No space left on device|Disk quota exceeded/i.test(message)) return fail('STORE_FULL', brief, { cause: thrown })
  if (/failed to offload|max_temp_directory_size/.test(message)) {
    return fail('STORE_FULL', 'The disk has no room for what the query does not hold in memory', {
      cause: thrown,
      remedy: 'Free disk space, ask for less at once, or allow more memory.',
    })
  }
  if (message.startsWith('Out of Memory Error')) {
    return fail('STORE_FULL', `The query needs more memory than DuckDB may use: ${brief}`, {
      cause: thrown,
      remedy: 'Ask for less at once, or allow more memory.',
    })
  }
  if (isReadFailure(message))
    return fail(rowFile.test(message) ? 'CORRUPT_STORE' : 'SOURCE_UNREADABLE', brief, { cause: thrown })
  return fail('INTERNAL', `DuckDB: ${brief}`, { cause: thrown })
}

/** A file of the push log, as DuckDB names it. */
const rowFile = /\/log\/rows\/(?:view|source)-\w+-[0-9a-f]{12}\.parquet/

/** Whether DuckDB's text says that a file cannot be read. */
function isReadFailure(message: string): boolean {
  return (
    /^(IO|HTTP) Error/.test(message) ||
    /CSV Error|CSV Parser|parquet|magic bytes|thrift|snappy|zstd|gzip|decompress|page header|out of buffer/i.test(
      message,
    ) ||
    /^Invalid Input Error: (Invalid string encoding|Failed to read file)/.test(message)
  )
}
