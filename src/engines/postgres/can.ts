import type { OfflineCan } from '../../ports/offline.ts'

/** What the offline store in PostgreSQL can do; known without loading it. Files are loaded into it. */
export const postgresCan: OfflineCan = Object.freeze({ files: false, sql: true, parquet: true })
