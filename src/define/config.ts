import type { OnlineSettings } from './online-settings.ts'
import type { RequestLimits } from './request-limits.ts'

/** The configuration of a repository, after defaults, `${VARIABLES}` and `PROVENDER_` overrides. Paths are absolute. */
export interface Config {
  readonly project: string
  /** The repository folder, absolute. */
  readonly dir: string
  /** A path (SQLite) or postgres://… */
  readonly metadata: string
  /** A folder (DuckDB over Parquet) or a PostgreSQL url with replicas. */
  readonly offline: { readonly url: string; readonly replicas: readonly string[] }
  /** A folder (LMDB), redis(s)://…, or the nodes of a Redis Cluster. */
  readonly online: ({ readonly url: string } | { readonly cluster: readonly string[] }) & OnlineSettings
  readonly server: {
    readonly host: string
    readonly port: number
    readonly workers: number
    /** Whether `spine.sql` is allowed over HTTP. */
    readonly sql: boolean
    /** Folders, absolute, beside the repository where a source applied over HTTP may lie. */
    readonly dataRoots: readonly string[]
    readonly limits: RequestLimits
  }
  readonly auth: 'none'
}
