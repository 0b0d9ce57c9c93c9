import type { Call } from '../kernel/call.ts'
import type { SourceDef } from '../define/definition.ts'
import type { FileIdentity } from '../values/file-identity.ts'
import type { Relation, SqlInput } from '../query/relation.ts'
import type { Batch, Field, OwnField } from '../values/batch.ts'
import type { FeatureType } from '../values/feature-type.ts'

/** What an offline engine can do; false means the kit asserts a loud UNSUPPORTED. */
export interface OfflineCan {
  /** Reads parquet and csv sources where they lie. */
  readonly files: boolean
  /** Evaluates `sql` sources and SQL spines. */
  readonly sql: boolean
  /** Reads and writes Parquet for spines and results. */
  readonly parquet: boolean
}

/** What was loaded of a source. */
export interface LoadedRows {
  /** Rows copied. */
  readonly rows: number
  /** Rows of files that were there already, unchanged. */
  readonly skipped: number
}

/** What a source is found to be. */
export interface SourceFacts {
  /** Its columns, in order. `type` is a feature type, or a source type of `widenings` (int8, uint32, date, …), or the engine's own name. */
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  /** Files of a file source (for `sql`: of all its inputs), sorted by path. Empty for others. */
  readonly files: readonly FileIdentity[]
  /** Estimated rows, or null where that would cost a scan. */
  readonly rows: number | null
}

/** A column of a source, and the type that it is read as. */
export interface UsedColumn {
  readonly column: string
  readonly type: FeatureType
}

/** What views do with a source: which columns they read, and the sets of them that they are joined by. */
export interface SourceUse {
  readonly columns: readonly UsedColumn[]
  readonly keys: readonly (readonly UsedColumn[])[]
}

/** Rows that a query is given beside the stored ones. Text formats are read by CONTRACT's rules. */
export type SpineInput =
  | { readonly kind: 'rows'; readonly rows: readonly Readonly<Record<string, unknown>>[] }
  | { readonly kind: 'columns'; readonly columns: Readonly<Record<string, readonly unknown[]>> }
  | { readonly kind: 'file'; readonly path: string; readonly format: 'parquet' | 'csv' | 'ndjson' }
  | { readonly kind: 'sql'; readonly sql: string; readonly inputs: readonly SqlInput[] }
  | { readonly kind: 'batches'; readonly fields: readonly OwnField[]; batches(): AsyncIterable<Batch> }

/** One query: a plan and what it is given. */
export interface OfflineQuery {
  readonly plan: Relation
  /** By the names of the plan's `input` leaves. */
  readonly inputs?: ReadonlyMap<string, SpineInput>
  /**
   * Called once, before the first rows are looked for, with what tells how much of the work is done, by the engine's estimate: 0–1;
   * null where it cannot tell. Costs a little.
   */
  readonly watch?: (progress: () => number | null) => void
}

/** The rows of a query, read once: either as batches or into a file. Dispose it when done; disposing early cancels the query. */
export interface QueryResult extends AsyncDisposable {
  /** All columns in order; of an as-of join, the spine's own first with their own types. */
  readonly fields: readonly Field[]
  /** Pulled batches, in the plan's order. */
  batches(): AsyncIterable<Batch>
  /** Writes all rows as Parquet and answers their number. @throws UNSUPPORTED without `can.parquet`. */
  writeParquet(path: string): Promise<number>
}

/**
 * The offline store's reading side: sources in place and the push log, seen through plans.
 * Every call honours the signal and the deadline; after disposal every call throws CLOSED.
 */
export interface OfflineStore extends AsyncDisposable {
  readonly can: OfflineCan
  /**
   * Looks at sources: `result[i]` answers `sources[i]`. A glob that matches nothing has no files and no columns.
   * `all` holds every source of the repository, by name, for `sql` sources.
   * @throws SOURCE_UNREADABLE naming the file; SQL_REFUSED; UNSUPPORTED for a source type that the engine does not read.
   */
  describe(sources: readonly SourceDef[], all: ReadonlyMap<string, SourceDef>, call?: Call): Promise<SourceFacts[]>
  /**
   * Starts a query. It sees every push answered before the call. Files named in the plan are checked again after reading.
   * @throws SOURCE_CHANGED, SOURCE_UNREADABLE, MISSING_COLUMN, TYPE_MISMATCH, MISSING_TIMESTAMP (with the count and the first row), BAD_VALUE.
   */
  query(query: OfflineQuery, call?: Call): Promise<QueryResult>
  /**
   * Copies the files of a source into the store, where it cannot read them in place; null where there is nothing to copy. A file's rows
   * are replaced as one, and skipped where the file is unchanged.
   */
  load(source: SourceDef, use: SourceUse, call?: Call): Promise<LoadedRows | null>
}
