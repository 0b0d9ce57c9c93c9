import type { OfflineCan } from '../../ports/offline.ts'

/** What the offline store on DuckDB can do; known without loading it. */
export const duckdbCan: OfflineCan = Object.freeze({ files: true, sql: true, parquet: true })
