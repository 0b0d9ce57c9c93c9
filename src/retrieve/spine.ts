import type { Definitions, SourceDef } from '../define/definition.ts'
import type { Call } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import { nearest } from '../kernel/nearest.ts'
import type { OfflineStore, SpineInput } from '../ports/offline.ts'
import { parseInstant } from '../values/instant.ts'

/** A spine as it was given; the SQL of one is over the sources of the repository. */
export type SpineRequest =
  | Exclude<SpineInput, { kind: 'sql' | 'batches' }>
  | { readonly kind: 'sql'; readonly sql: string }

/** A column of a spine; the type is `timestamp` where it is known to hold instants. */
export interface SpineColumn {
  readonly name: string
  readonly type: string
}

/** The timestamp column unless another is named. */
const usualTimestamp = 'event_timestamp'

/** How many values of a text column are looked at to see whether it holds instants. */
const looked = 20

/** The columns of a spine before it is read, or null where only reading it tells. */
export async function spineColumnsOf(
  offline: OfflineStore,
  spine: SpineRequest,
  definitions: Definitions,
  call?: Call,
): Promise<readonly SpineColumn[] | null> {
  if (spine.kind === 'rows') {
    const names = [...new Set(spine.rows.flatMap((row) => Object.keys(row)))]
    return names.map((name) => ({ name, type: typeOf(spine.rows.slice(0, looked).map((row) => row[name])) }))
  }
  if (spine.kind === 'columns')
    return Object.entries(spine.columns).map(([name, values]) => ({ name, type: typeOf(values.slice(0, looked)) }))
  if (spine.kind === 'file' && spine.format === 'ndjson') return null
  const base = { kind: 'source' as const, name: 'spine', timestamp: usualTimestamp }
  const source: SourceDef =
    spine.kind === 'sql'
      ? { ...base, type: 'sql', sql: spine.sql }
      : { ...base, type: spine.format === 'parquet' ? 'parquet' : 'csv', path: spine.path }
  const [facts] = await offline.describe([source], definitions.sources, call)
  return facts?.columns ?? null
}

/**
 * The spine's timestamp column: the one named, else `event_timestamp`, else the only one of type timestamp.
 * @throws MISSING_TIMESTAMP naming the columns there are.
 */
export function timestampOf(columns: readonly SpineColumn[] | null, named: string | undefined): string {
  if (columns === null) return named ?? usualTimestamp
  const names = columns.map((c) => c.name)
  if (named !== undefined) {
    if (names.includes(named)) return named
    const near = nearest(named, names)
    throw fail('MISSING_TIMESTAMP', `The spine has no column "${named}"`, {
      at: '/timestamp',
      remedy: near === undefined ? `Its columns: ${names.join(', ')}.` : `Did you mean "${near}"?`,
    })
  }
  if (names.includes(usualTimestamp)) return usualTimestamp
  const [only, second] = columns.filter((c) => c.type === 'timestamp')
  if (only !== undefined && second === undefined) return only.name
  throw fail(
    'MISSING_TIMESTAMP',
    second === undefined
      ? 'No column of the spine is known to hold timestamps'
      : `Several columns of the spine hold timestamps: ${columns
          .filter((c) => c.type === 'timestamp')
          .map((c) => c.name)
          .join(', ')}`,
    {
      at: '/timestamp',
      remedy: 'Name the column: --timestamp COLUMN, or `timestamp` in a request.',
    },
  )
}

/** Whether values as they come from JavaScript or JSON are instants. */
function typeOf(values: readonly unknown[]): string {
  const there = values.filter((v) => v !== null && v !== undefined)
  const instants =
    there.length > 0 &&
    there.every((v) => v instanceof Date || (typeof v === 'string' && parseInstant(v) !== undefined))
  return instants ? 'timestamp' : 'other'
}
