import type { Dialect } from 'kysely'
import type { ProvenderError } from '../kernel/errors.ts'

/**
 * A SQL database that the metadata ports can be kept in: SQLite or PostgreSQL. Its dialect begins every transaction that
 * is not `read only` so that no other one can have written since; a `repeatable read` one sees one instant.
 */
export interface SqlEngine extends AsyncDisposable {
  /** What errors call the store: the file, or the url without its password. */
  readonly name: string
  readonly dialect: Dialect
  /**
   * What a failure means: `busy` = another writer was in the way, `away` = the store could not be reached; either way nothing of
   * the transaction counts and it may be tried again; `broken` = the store was lost on the way, so only what changes nothing may
   * be; else the error to throw.
   */
  explain(thrown: unknown): 'busy' | 'away' | 'broken' | ProvenderError
}
